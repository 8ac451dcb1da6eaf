package jeroboam

import (
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// LabelType is what the text of a label's value must be.
type LabelType string

// The types of labels. An empty value of any type means "not given".
const (
	LabelString  LabelType = "string"  // any text
	LabelBool    LabelType = "bool"    // true or false, in any case
	LabelInt     LabelType = "int"     // a whole number, from Min to Max
	LabelCIDR    LabelType = "cidr"    // a network; Min and Max bound its prefix length
	LabelIPv4    LabelType = "ipv4"    // the same, of IPv4 alone
	LabelEnum    LabelType = "enum"    // one of Values
	LabelVersion LabelType = "version" // e.g. "v1.36.3"
	LabelTag     LabelType = "tag"     // the tag of a container image, perhaps with its digest
	LabelURL     LabelType = "url"     // an address of http or https
	LabelList    LabelType = "list"    // texts of the type Items, parted by commas
)

// Label is one of the labels that templates, clusters and node groups may
// carry: what its value may be and what it does.
type Label struct {
	Name    string
	Type    LabelType
	Items   LabelType // of a list
	Values  []string  // of an enum, or of a list of such
	Min     int       // of an int; prefix length of a network
	Max     int       // 0: none of its own
	Unit    string    // of an int, e.g. "GB"
	Default string    // "": none
	Meaning string    // one sentence
	Effect  string    // where it is obeyed; "": accepted from Magnum's time, without effect here
	Since   string    // version of Jeroboam that knows it, e.g. "0.1"
	// Credential: a bool that, when true, asks for what calls the cloud in the
	// cluster's name.
	Credential bool
	COEs       []string // that it belongs to; none: all
}

// Suits reports whether the label belongs to clusters of that COE.
func (l Label) Suits(coe string) bool { return len(l.COEs) == 0 || slices.Contains(l.COEs, coe) }

// In returns the label's value: the default if it is not given.
func (l Label) In(labels map[string]string) string {
	if v := labels[l.Name]; v != "" {
		return v
	}
	return l.Default
}

// Check returns Invalid, naming the label, its value and what is allowed.
func (l Label) Check(value string) error {
	if value == "" || l.accepts(value) {
		return nil
	}
	e := Errorf(Invalid, l.Name, "The label %s is %s; it must be %s.", l.Name, QuoteLabel(value), l.Allowed())
	if l.Default != "" {
		return e.WithRemedy("Write it like %s, or leave it out.", l.Default)
	}
	return e.WithRemedy("Correct it, or leave it out.")
}

// CheckLabels judges the values of all known labels. An error speaks of each
// that is wrong and has the name of the first as its reason.
func CheckLabels(known []Label, labels map[string]string) error {
	var first *Error
	for _, l := range known {
		e, wrong := AsError(l.Check(labels[l.Name]))
		switch {
		case !wrong:
		case first == nil:
			first = e
		default:
			first.Detail += " " + e.Detail
			first.Remedy = "Correct them, or leave them out."
		}
	}
	if first == nil {
		return nil
	}
	return first
}

// QuoteLabel shows a user's text in a message: printable and of bounded length.
func QuoteLabel(text string) string {
	const most = 64
	if runes := []rune(text[:min(len(text), 4*most+4)]); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return strconv.Quote(text)
}

var (
	labelVersion = regexp.MustCompile(`^v?[0-9]+\.[0-9]+\.[0-9]+([-+.][0-9A-Za-z.+-]+)?$`)
	labelTag     = regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}(@sha256:[0-9a-f]{64})?$`)
)

func (l Label) accepts(value string) bool {
	switch l.Type {
	case LabelString:
		return true
	case LabelBool:
		word := strings.ToLower(value)
		return word == "true" || word == "false"
	case LabelInt:
		n, err := strconv.Atoi(value)
		return err == nil && l.holds(n, math.MaxInt32)
	case LabelCIDR, LabelIPv4:
		p, err := netip.ParsePrefix(value)
		return err == nil && (l.Type == LabelCIDR || p.Addr().Is4()) && l.holds(p.Bits(), p.Addr().BitLen())
	case LabelEnum:
		return slices.Contains(l.Values, value)
	case LabelVersion:
		return labelVersion.MatchString(value)
	case LabelTag:
		return labelTag.MatchString(value)
	case LabelURL:
		u, err := url.Parse(value)
		return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
	case LabelList:
		return l.acceptsItems(value)
	}
	return false
}

func (l Label) holds(n, most int) bool {
	if l.Max > 0 {
		most = l.Max
	}
	return n >= l.Min && n <= most
}

func (l Label) acceptsItems(value string) bool {
	item := l
	item.Type = l.Items
	for text := range strings.SplitSeq(value, ",") {
		if text = strings.TrimSpace(text); text == "" || !item.accepts(text) {
			return false
		}
	}
	return true
}

// Allowed says in words what the value may be, e.g. "true or false".
func (l Label) Allowed() string {
	switch l.Type {
	case LabelString:
		return "text"
	case LabelBool:
		return "true or false"
	case LabelInt:
		return "a whole number" + l.bounds("") + unitOf(l.Unit)
	case LabelCIDR:
		return "a network like 10.0.0.0/16" + l.prefixes()
	case LabelIPv4:
		return "an IPv4 network like 10.0.0.0/16" + l.prefixes()
	case LabelEnum:
		if len(l.Values) == 1 {
			return l.Values[0]
		}
		return "one of " + strings.Join(l.Values, ", ")
	case LabelVersion:
		return "a version like v1.36.3"
	case LabelTag:
		return "the tag of an image"
	case LabelURL:
		return "an http or https address"
	case LabelList:
		if l.Items == LabelString {
			return "a list, parted by commas"
		}
		item := l
		item.Type = l.Items
		return "a list, parted by commas, of which each is " + item.Allowed()
	}
	return "of the unknown type " + string(l.Type)
}

func (l Label) prefixes() string {
	if l.Max == 0 {
		return ""
	}
	return " with a prefix" + l.bounds("/")
}

func (l Label) bounds(mark string) string {
	if l.Max == 0 {
		return fmt.Sprintf(" of at least %s%d", mark, l.Min)
	}
	return fmt.Sprintf(" from %s%d to %s%d", mark, l.Min, mark, l.Max)
}

func unitOf(unit string) string {
	if unit == "" {
		return ""
	}
	return " (" + unit + ")"
}
