package release

import (
	"cmp"
	"strconv"
	"strings"
)

// Compare orders versions like "v1.36.3", "27.5.1" and "v1.37.0-rc.1": -1 when
// a is older than b, 0 when they are the same, +1 when it is newer. A leading
// "v" and a build after "+" do not count; a pre-release is older than what it
// precedes.
func Compare(a, b string) int {
	numbersA, preA := split(a)
	numbersB, preB := split(b)
	switch order := compareFields(numbersA, numbersB); {
	case order != 0 || preA == preB:
		return order
	case preA == "":
		return 1
	case preB == "":
		return -1
	default:
		return compareFields(preA, preB)
	}
}

// split separates "v1.37.0-rc.1+build" into "1.37.0" and "rc.1".
func split(version string) (numbers, pre string) {
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "v"), "+")
	numbers, pre, _ = strings.Cut(version, "-")
	return numbers, pre
}

// compareFields compares field by field, numbers by value and below words; the
// one with more fields is newer when the rest is the same.
func compareFields(a, b string) int {
	fieldsA, fieldsB := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(fieldsA), len(fieldsB)) {
		if order := compareField(fieldsA[i], fieldsB[i]); order != 0 {
			return order
		}
	}
	return cmp.Compare(len(fieldsA), len(fieldsB))
}

func compareField(a, b string) int {
	x, errA := strconv.ParseUint(a, 10, 64)
	y, errB := strconv.ParseUint(b, 10, 64)
	switch {
	case errA == nil && errB == nil:
		return cmp.Compare(x, y)
	case errA == nil:
		return -1
	case errB == nil:
		return 1
	default:
		return strings.Compare(a, b)
	}
}
