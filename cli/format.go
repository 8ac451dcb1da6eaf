package cli

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

// given returns the flag's value if the user set it, nil if not.
func given[T any](c *cobra.Command, flag string, v *T) *T {
	if !c.Flags().Changed(flag) {
		return nil
	}
	return v
}

// text is a wire value that may be null.
func text[T ~string](p *T) string {
	if p == nil {
		return ""
	}
	return string(*p)
}

func number(p *int) string {
	if p == nil {
		return ""
	}
	return strconv.Itoa(*p)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func moment(t wire.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateTime) + "Z"
}

func pairs(m map[string]string) string {
	words := make([]string, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		words = append(words, key+"="+m[key])
	}
	return strings.Join(words, " ")
}

// keyValues reads words of the form KEY=VALUE.
func keyValues(flag string, words []string) (map[string]string, error) {
	if len(words) == 0 {
		return nil, nil
	}
	out := map[string]string{}
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if !ok || key == "" {
			return nil, usage("Give --"+flag+" KEY=VALUE.", "%q is not of the form KEY=VALUE.", word)
		}
		out[key] = value
	}
	return out, nil
}
