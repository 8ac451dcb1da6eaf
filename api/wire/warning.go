package wire

import (
	"strconv"
	"strings"
)

// WarningHeader carries what the service did not refuse and a user should know
// all the same, one line for each, e.g.
//
//	Warning: 299 jeroboam "The label \"kube_tga\" is unknown to kubernetes clusters and has no effect."
//
// in the form of RFC 7234, section 5.5: a lasting warning, who gives it, and
// the text. HTTP caching does without the header by now; no other says this.
const WarningHeader = "Warning"

const warningStart = "299 jeroboam "

// Warning is the header's value for a text. What is not printable ASCII is
// escaped as in Go and JSON, which is within the RFC's grammar.
func Warning(text string) string { return warningStart + strconv.QuoteToASCII(text) }

// ParseWarning is the text of a value that Warning made.
func ParseWarning(value string) (text string, ok bool) {
	quoted, ok := strings.CutPrefix(value, warningStart)
	if !ok {
		return "", false
	}
	text, err := strconv.Unquote(quoted)
	return text, err == nil
}
