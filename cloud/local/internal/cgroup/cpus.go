package cgroup

import (
	"fmt"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// pin gives a version 1 cpuset group some of the CPUs its parent has.
func pin(dir string, limits Limits) error {
	all, err := parseList(read(path.Join(path.Dir(dir), "cpuset.cpus")))
	if err != nil {
		return err
	}
	if limits.CPUs >= len(all) {
		return nil
	}
	var some []int
	for i := range limits.CPUs {
		some = append(some, all[(limits.Slot*limits.CPUs+i)%len(all)])
	}
	return write(path.Join(dir, "cpuset.cpus"), formatList(some))
}

// Online tells which CPUs a machine should see, in the kernel's notation: those
// its group is pinned to, or as many of the first as its quota is worth.
func (t Tree) Online(group string, cpus int) string {
	for _, h := range t.Hierarchies {
		if h.has("cpuset") {
			return read(path.Join(h.Mount, group, "cpuset.cpus"))
		}
	}
	var first []int
	for i := range min(cpus, runtime.NumCPU()) {
		first = append(first, i)
	}
	return formatList(first)
}

// parseList reads the kernel's notation of a set of CPUs: "0-2,5".
func parseList(text string) ([]int, error) {
	var cpus []int
	for part := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		first, err := strconv.Atoi(low)
		last, err2 := strconv.Atoi(high)
		if err != nil || err2 != nil {
			return nil, fmt.Errorf("%q is no list of CPUs", text)
		}
		for cpu := first; cpu <= last; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

func formatList(cpus []int) string {
	cpus = slices.Sorted(slices.Values(cpus))
	var parts []string
	for i := 0; i < len(cpus); {
		j := i
		for j+1 < len(cpus) && cpus[j+1] == cpus[j]+1 {
			j++
		}
		if part := strconv.Itoa(cpus[i]); i == j {
			parts = append(parts, part)
		} else {
			parts = append(parts, part+"-"+strconv.Itoa(cpus[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}
