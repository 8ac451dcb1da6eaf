package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkCluster measures whole lives of a cluster of 1+2 nodes as a user sees
// them, each beside a run of the script that starts the bare components. It
// prints medians; -benchtime 5x makes five of each. It judges nothing.
func BenchmarkCluster(b *testing.B) {
	s := start(b)
	s.template()
	var create, bare, ratio, join, remove []float64
	for b.Loop() {
		script := bareSeconds(b)
		made := s.timed("cluster", "create", "bench", "--template", "kubernetes", "--nodes", "2", "--wait")
		join = append(join, s.timed("cluster", "resize", "bench", "3", "--wait"))
		remove = append(remove, s.timed("cluster", "delete", "bench", "--wait"))
		create, bare, ratio = append(create, made), append(bare, script), append(ratio, made/script)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(create), "create-s")
	b.ReportMetric(median(bare), "bare-s")
	b.ReportMetric(median(ratio), "create/bare")
	b.ReportMetric(median(join), "join-s")
	b.ReportMetric(median(remove), "delete-s")
}

// BenchmarkIdle measures what a cluster of 1+2 nodes and its service cost when
// nothing happens: memory in MiB, processor time in percent of one core.
func BenchmarkIdle(b *testing.B) {
	s := start(b)
	s.template()
	s.run("cluster", "create", "idle", "--template", "kubernetes", "--nodes", "2", "--wait")
	master, worker := s.machine("idle", "idle-master-0"), s.machine("idle", "idle-worker-0")
	pause(20 * time.Second) // what starts, settles
	const window = 30 * time.Second
	for b.Loop() {
		used := s.processorTime(b)
		pause(window)
		used = s.processorTime(b) - used
		b.ReportMetric(100*used.Seconds()/window.Seconds(), "service-cpu-%")
	}
	controlPlane := within(b, master, "controlplane")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(memory(b, controlPlane, "Rss"), "controlplane-rss-MiB")
	var node float64
	for _, program := range []string{"jeroboam-agent", "containerd", "kubelet", "kube-proxy"} {
		node += memory(b, within(b, worker, program), "Pss")
	}
	b.ReportMetric(node, "worker-pss-MiB")
	b.ReportMetric(memory(b, s.cmd.Process.Pid, "Rss"), "service-rss-MiB")
	s.run("cluster", "delete", "idle", "--wait")
}

// timed is how many seconds a command takes.
func (s *service) timed(args ...string) float64 {
	s.t.Helper()
	begun := time.Now()
	s.run(args...)
	return time.Since(begun).Seconds()
}

var bareReady = regexp.MustCompile(`([0-9.]+) s\s+3 nodes Ready`)

// bareSeconds is how long the script needs from nothing to three Ready nodes.
func bareSeconds(b *testing.B) float64 {
	b.Helper()
	out, err := output(exec.Command("../bench/bare/run"))
	if err != nil {
		b.Fatalf("the bare components: %v", err)
	}
	found := bareReady.FindStringSubmatch(out)
	if found == nil {
		b.Fatalf("the script tells no time:\n%s", out)
	}
	seconds, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return seconds
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// memory is a figure of the process's mappings, in MiB.
func memory(b *testing.B, pid int, field string) float64 {
	b.Helper()
	file, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if f := strings.Fields(lines.Text()); f[0] == field+":" {
			kib, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kib / 1024
		}
	}
	b.Fatalf("process %d has no %s", pid, field)
	return 0
}

// processorTime is what the service has used since it started.
func (s *service) processorTime(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	user, err1 := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	if err1 != nil || err2 != nil {
		b.Fatalf("process times: %q", text)
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux
	return time.Duration(user+system) * tick
}
