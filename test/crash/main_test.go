package crash

import (
	"flag"
	"os"
	"testing"
)

// TestMain keeps the random lives to thirty when nobody asks for more
// (-rapid.checks): each is some hundred writes long.
func TestMain(m *testing.M) {
	flag.Parse()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("30"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
