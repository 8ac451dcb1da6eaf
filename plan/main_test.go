package plan_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain makes the property tests draw more than rapid's hundred cases: the
// rarest of the faults they are to find shows in one case of a thousand or two.
func TestMain(m *testing.M) {
	flag.Parse()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("1500"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
