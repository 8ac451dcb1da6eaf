package cli

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
)

func TestEveryKindOfErrorHasAnExitCodeOfItsOwnMeaning(t *testing.T) {
	for kind, want := range map[jeroboam.Kind]int{
		"": 0, jeroboam.Internal: 1, jeroboam.Invalid: 2, jeroboam.NotFound: 3, jeroboam.Conflict: 4, jeroboam.Forbidden: 5,
		jeroboam.Unauthenticated: 5, jeroboam.QuotaExceeded: 6, jeroboam.Unavailable: 7, jeroboam.Timeout: 8, jeroboam.Unsupported: 9,
	} {
		var err error
		if kind != "" {
			err = fmt.Errorf("wrapped: %w", jeroboam.Errorf(kind, "r", "d"))
		}
		if got := exitCode(err); got != want {
			t.Errorf("%q: exit code %d, not %d", kind, got, want)
		}
	}
	if got := exitCode(errors.New("foreign")); got != exitFailure {
		t.Errorf("an error of another type: exit code %d", got)
	}
}

func TestAnErrorIsShownWithWhatToDo(t *testing.T) {
	full := jeroboam.Errorf(jeroboam.Conflict, "r", "It is taken.").WithRemedy("Choose another.")
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"detail and remedy":   {full, "Error: It is taken.\n  Remedy: Choose another.\n"},
		"wrapped on the way":  {fmt.Errorf("driver x: %w", full), "Error: It is taken.\n  Remedy: Choose another.\n"},
		"several at once":     {errors.Join(full, jeroboam.Errorf(jeroboam.Invalid, "r", "And this.")), "Error: It is taken.\n  Remedy: Choose another.\nError: And this.\n"},
		"several, wrapped":    {fmt.Errorf("driver x: %w", errors.Join(full, full)), "Error: It is taken.\n  Remedy: Choose another.\nError: It is taken.\n  Remedy: Choose another.\n"},
		"the operator's part": {jeroboam.Errorf(jeroboam.Invalid, "r", "No.").Wrap(errors.New("EIO")), "Error: No. (EIO)\n"},
		"a kind alone":        {&jeroboam.Error{Kind: jeroboam.Timeout}, "Error: The request failed (timeout).\n"},
		"a foreign one":       {errors.New("plain"), "Error: plain\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			report(&out, c.err)
			if out.String() != c.want {
				t.Errorf("got  %q\nwant %q", out.String(), c.want)
			}
		})
	}
}
