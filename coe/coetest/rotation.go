package coetest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// testRotation takes one authority through the stages of a rotation: a machine
// that has to do with it gets another config at each of them, trusts exactly
// whom it should, asks for its certificates anew when another generation signs,
// and starts what holds on to the old ones.
func testRotation(t *testing.T, c Pure) {
	traits := c.Traits()
	for _, name := range traits.Authorities {
		for _, in := range Cluster(traits, 1, 1) {
			t.Run(name+" on "+in.Machine.Name, func(t *testing.T) {
				rest := in.Authorities[name]
				next := strings.ReplaceAll(rest.PEM, "CERTIFICATE-----\n", "CERTIFICATE-----\nbmV4dA==")
				trusted, signs, gone := rest, rest, rest
				trusted.Next = next
				signs.PEM, signs.Former, signs.Generation = next, rest.PEM, 1
				gone.PEM, gone.Generation = next, 1
				before := configWith(t, c, in, rest)
				if !strings.Contains(contents(before), rest.PEM) {
					return // the machine has nothing to do with it
				}
				for stage, a := range []jeroboam.Authority{trusted, signs, gone} {
					config := configWith(t, c, in, a)
					if config.Digest() == before.Digest() {
						t.Errorf("stage %d changes nothing", stage)
					}
					text := contents(config)
					if strings.Contains(text, rest.PEM) != (stage < 2) || !strings.Contains(text, next) {
						t.Errorf("stage %d trusts others than it should", stage)
					}
					if stage == 1 {
						testReissue(t, before, config, name)
					}
					before = config
				}
			})
		}
	}
}

func configWith(t *testing.T, c Pure, in coe.Input, a jeroboam.Authority) node.Config {
	t.Helper()
	in.Authorities = maps.Clone(in.Authorities)
	in.Authorities[a.Name] = a
	config, err := c.Config(in)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func contents(c node.Config) string {
	var b strings.Builder
	for _, f := range c.Files {
		b.WriteString(f.Content.Reveal())
	}
	return b.String()
}

// testReissue: every certificate of the authority is another wish, and of no other.
func testReissue(t *testing.T, before, after node.Config, authority string) {
	for i, c := range after.Certificates {
		if (c.Generation == 1) != (c.Authority == authority) || c.Generation == before.Certificates[i].Generation == (c.Authority == authority) {
			t.Errorf("certificate %s of %s is of generation %d", c.Name, c.Authority, c.Generation)
		}
	}
	same := func(a, b node.Service) bool { return slices.Equal(a.Command, b.Command) && maps.Equal(a.Env, b.Env) }
	if slices.EqualFunc(before.Services, after.Services, same) {
		t.Error("no service starts anew")
	}
}
