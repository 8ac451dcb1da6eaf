// Package cgroup holds machines to their size. It knows version 1, version 2
// and the hybrid of both, in which version 1 holds the controllers.
package cgroup

import (
	"bufio"
	"os"
	"path"
	"slices"
	"strings"
)

// Hierarchy is one mounted tree of control groups.
type Hierarchy struct {
	Name  string // "memory", "cpu,cpuacct", "name=systemd"; "" for version 2
	Mount string // where the host has it
}

// Tree is every hierarchy that machines are put into.
type Tree struct {
	V2          bool
	Hierarchies []Hierarchy // exactly one when V2
}

// Detect reads the host's hierarchies from its mounts. Where version 1 and 2
// are both mounted, version 1 is used: it has the controllers.
func Detect() (Tree, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return Tree{}, err
	}
	defer file.Close()
	var one, two []Hierarchy
	for lines := bufio.NewScanner(file); lines.Scan(); {
		h, version := parseMount(lines.Text())
		switch {
		case version == 1 && !slices.ContainsFunc(one, func(o Hierarchy) bool { return o.Name == h.Name }):
			one = append(one, h)
		case version == 2 && len(two) == 0:
			two = append(two, h)
		}
	}
	if len(one) > 0 {
		return Tree{Hierarchies: one}, nil
	}
	return Tree{V2: true, Hierarchies: two}, nil
}

// parseMount reads a line of mountinfo (proc(5)); version 0 is another kind of
// file system.
func parseMount(line string) (h Hierarchy, version int) {
	before, after, found := strings.Cut(line, " - ")
	where, what := strings.Fields(before), strings.Fields(after)
	if !found || len(where) < 5 || len(what) < 3 {
		return Hierarchy{}, 0
	}
	switch what[0] {
	case "cgroup2":
		return Hierarchy{Mount: where[4]}, 2
	case "cgroup":
		return Hierarchy{Name: controllersOf(what[2]), Mount: where[4]}, 1
	}
	return Hierarchy{}, 0
}

// controllersOf picks what names a version 1 hierarchy out of its mount options.
func controllersOf(options string) string {
	ignored := []string{"rw", "ro", "xattr", "clone_children", "noprefix"}
	var names []string
	for option := range strings.SplitSeq(options, ",") {
		if !slices.Contains(ignored, option) && !strings.HasPrefix(option, "release_agent=") {
			names = append(names, option)
		}
	}
	return strings.Join(names, ",")
}

// Controllers lists what the tree can limit or count.
func (t Tree) Controllers() []string {
	var names []string
	for _, h := range t.Hierarchies {
		if t.V2 {
			return strings.Fields(read(path.Join(h.Mount, "cgroup.controllers")))
		}
		names = append(names, strings.Split(h.Name, ",")...)
	}
	return names
}

// Missing lists the controllers that machines need and the host has not.
func (t Tree) Missing() []string {
	var missing []string
	for _, name := range []string{"cpu", "memory", "pids"} {
		if !slices.Contains(t.Controllers(), name) {
			missing = append(missing, name)
		}
	}
	return missing
}

func (t Tree) String() string {
	if t.V2 {
		return "version 2"
	}
	return "version 1"
}

func (h Hierarchy) has(controller string) bool {
	return slices.Contains(strings.Split(h.Name, ","), controller)
}

func read(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
