package store

import "time"

// RetryAfter is how long a Backend waits after so many failed runs in a row:
// 250 ms, doubling, never more than 30 s. It never gives up.
func RetryAfter(failures int) time.Duration {
	const least, most = 250 * time.Millisecond, 30 * time.Second
	if failures > 7 { // 250 ms << 7 is past the cap
		return most
	}
	return min(least<<max(failures-1, 0), most)
}
