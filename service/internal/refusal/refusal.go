// Package refusal words what is refused: it makes one answer of all that is
// against a wish, and says what to do where a state is against it.
package refusal

import (
	"slices"
	"strconv"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// Of makes one error of all that is against a wish; the first decides of
// what sort it is. What is no fault of the wish comes before everything: nobody
// knows then whether the rest is true.
func Of(err error) error {
	all := Leaves(err)
	if len(all) <= 1 {
		return err
	}
	for _, problem := range all {
		if !Objects(problem) {
			return problem
		}
	}
	first, _ := jeroboam.AsError(all[0])
	one := *first
	var details, remedies []string
	for _, problem := range all {
		e, _ := jeroboam.AsError(problem)
		details = append(details, e.Detail)
		if e.Remedy != "" && !slices.Contains(remedies, e.Remedy) {
			remedies = append(remedies, e.Remedy)
		}
	}
	one.Detail, one.Remedy, one.Err = strings.Join(details, " "), strings.Join(remedies, " "), err
	return &one
}

// Objects reports whether an error is about the wish, not about whoever was
// asked.
func Objects(err error) bool {
	e, ours := jeroboam.AsError(err)
	return ours && e.Kind != jeroboam.Unavailable && e.Kind != jeroboam.Timeout && e.Kind != jeroboam.Internal
}

// Leaves are the errors that were joined, in their order.
func Leaves(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, Leaves(e)...)
	}
	return all
}

// OrNone is a number in Magnum's words, in which 0 is none.
func OrNone(n int) string {
	if n == 0 {
		return "None"
	}
	return strconv.Itoa(n)
}
