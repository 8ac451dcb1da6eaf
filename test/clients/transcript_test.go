package clients

import (
	"os"
	"strings"
	"testing"
)

// transcript is a text of shell commands with what they say:
//
//	# What this is about.
//
//	$ openstack coe cluster show nosuch
//	Cluster nosuch could not be found (HTTP 404) (Request-ID: REQUEST)
//	[exit 1]
//
// What they say goes on until the next line that begins with "$ " or "# ".
type transcript struct {
	file  string
	parts []part
}

// part is a command, or a comment, and the lines below it.
type part struct {
	head string
	says string
}

func (p part) command() (string, bool) { return strings.CutPrefix(p.head, "$ ") }

func readTranscript(t testing.TB, file string) transcript {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	read := transcript{file: file}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "$ ") || strings.HasPrefix(line, "# ") {
			read.parts = append(read.parts, part{head: line})
		} else if last := len(read.parts) - 1; last < 0 {
			t.Fatalf("%s begins with neither a comment nor a command", file)
		} else {
			read.parts[last].says += line + "\n"
		}
	}
	for i := range read.parts {
		read.parts[i].says = strings.Trim(read.parts[i].says, "\n")
	}
	return read
}

func (t transcript) write() error {
	var out strings.Builder
	for i, p := range t.parts {
		comments := i > 0 && p.head[0] == '#' && t.parts[i-1].head[0] == '#' && t.parts[i-1].says == ""
		if i > 0 && !comments {
			out.WriteString("\n")
		}
		out.WriteString(p.head + "\n")
		if p.says != "" {
			out.WriteString(p.says + "\n")
		}
	}
	return os.WriteFile(t.file, []byte(out.String()), 0o644)
}
