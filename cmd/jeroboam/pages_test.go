package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"
)

// pages are the texts whose commands must work. test/e2e runs the same on real
// machines.
var pages = []string{"README.md", "docs/getting-started.md"}

// TestTheCommandsOfThePagesWork runs every command of the pages against a
// simulated demo, in their order.
func TestTheCommandsOfThePagesWork(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			script := "serve\n" +
				"exec jeroboam template create kubernetes --coe kubernetes --image sim --flavor small --master-flavor small\n" +
				"exec jeroboam cluster create demo --template kubernetes --nodes 2 --wait\n"
			ours := 0
			for _, command := range commands(t, filepath.Join("..", "..", page)) {
				name, rest, _ := strings.Cut(command, " ")
				switch name {
				case "bin/jeroboam":
					script += "exec jeroboam " + rest + "\n"
					ours++
				case "make":
					if !strings.Contains(string(makefile), "\n"+rest+":") {
						t.Errorf("%s: there is no target %q", page, rest)
					}
				case "export", "bin/kubectl": // for real clusters alone
				default:
					t.Errorf("%s: nothing tests the command %q", page, command)
				}
			}
			if ours < 5 {
				t.Fatalf("only %d commands found in %s: the test looks in the wrong place", ours, page)
			}
			file := filepath.Join(t.TempDir(), "page.txtar")
			if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
				t.Fatal(err)
			}
			p := params()
			p.Dir, p.Files = "", []string{file}
			testscript.Run(t, p)
		})
	}
}

// TestThePageOfOperatingNamesEverySettingOfThePublicService keeps the page
// complete.
func TestThePageOfOperatingNamesEverySettingOfThePublicService(t *testing.T) {
	page, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	new(publicConfig).flags(f)
	new(observeConfig).flags(f)
	f.VisitAll(func(flag *pflag.Flag) {
		if key := strings.ReplaceAll(flag.Name, "-", "_"); !strings.Contains(string(page), "`"+key) {
			t.Errorf("the page does not name %s", key)
		}
	})
}

var fence = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// commands are the lines of a page's shell blocks, without comments.
func commands(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			line, _, _ = strings.Cut(line, " #")
			if line = strings.TrimSpace(line); line != "" {
				all = append(all, line)
			}
		}
	}
	return all
}
