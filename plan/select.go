package plan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// Victims returns which of a group's machines go so that want are left: first
// those that remove names, then those that never came up, then the ones with
// the highest index. Every machine that remove names goes, even if more than
// want then have to be made again. lost holds IDs of machines that are down.
func Victims(machines []jeroboam.Machine, want int, remove []string, lost map[string]bool) []jeroboam.Machine {
	sorted := slices.Clone(machines)
	named := make(map[string]bool)
	for _, m := range sorted {
		if matches(remove, m) {
			named[m.ID] = true
		}
	}
	slices.SortStableFunc(sorted, func(a, b jeroboam.Machine) int {
		if d := rank(a, named, lost) - rank(b, named, lost); d != 0 {
			return d
		}
		return b.Index - a.Index
	})
	return sorted[:max(len(named), len(sorted)-want, 0)]
}

func rank(m jeroboam.Machine, named, lost map[string]bool) int {
	switch {
	case named[m.ID]:
		return 0
	case !up(m, lost):
		return 1
	}
	return 2
}

// up reports whether a machine carries a node that works, as far as is known.
func up(m jeroboam.Machine, lost map[string]bool) bool {
	return !m.Status.ReadyAt.IsZero() && !lost[m.ID]
}

// matches reports whether one of the words means the machine: its index, name,
// ID, address or the cloud's handle, in any case.
func matches(words []string, m jeroboam.Machine) bool {
	ids := []string{strconv.Itoa(m.Index), m.Name, m.ID, m.Status.Address, m.Status.CloudID}
	return slices.ContainsFunc(words, func(word string) bool {
		return word != "" && slices.ContainsFunc(ids, func(id string) bool { return strings.EqualFold(id, word) })
	})
}
