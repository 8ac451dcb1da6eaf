package release

import (
	_ "embed"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/jeroboam-cloud/jeroboam"
)

// Release is one version of a COE that can be installed.
type Release struct {
	COE     string `json:"coe"`
	Version string `json:"version"` // "v1.36.3"
	Bundle  string `json:"bundle"`  // the folder of its bundle: "kubernetes-v1.36.3"
	// From are the lines of versions it may be reached from in place: "v1.35"
	// means every v1.35.x. An upgrade always leads to a newer version.
	From []string `json:"from,omitempty"`
}

//go:embed catalogue.json
var catalogueText []byte

// Catalogue is every release, by COE and the newest first. It panics when the
// embedded data is broken, which a test prevents.
var Catalogue = sync.OnceValue(func() []Release {
	var c struct {
		Schema   int       `json:"schema"`
		Releases []Release `json:"releases"`
	}
	if err := json.Unmarshal(catalogueText, &c); err != nil {
		panic("release catalogue: " + err.Error())
	}
	slices.SortStableFunc(c.Releases, func(a, b Release) int {
		if a.COE != b.COE {
			return strings.Compare(a.COE, b.COE)
		}
		return Compare(b.Version, a.Version)
	})
	return c.Releases
})

// Versions are the releases of a COE, the newest first; none for a COE that
// the catalogue does not know.
func Versions(coe string) []Release {
	return slices.DeleteFunc(slices.Clone(Catalogue()), func(r Release) bool { return r.COE != coe })
}

// Find is a COE's release of that version, NotFound when there is none.
func Find(coe, version string) (Release, error) {
	all := Versions(coe)
	if i := slices.IndexFunc(all, func(r Release) bool { return r.Version == version }); i >= 0 {
		return all[i], nil
	}
	missing := jeroboam.Errorf(jeroboam.NotFound, "version", "There is no %s %s.", coe, version)
	if len(all) == 0 {
		return Release{}, missing
	}
	return Release{}, missing.WithRemedy("Choose one of %s.", list(all))
}

// CheckUpgrade says whether a cluster of the COE may go from one version to
// the other in place. It is NotFound for an unknown target, Conflict when the
// way is too long or leads back.
func CheckUpgrade(coe, from, to string) error {
	target, err := Find(coe, to)
	if err != nil || target.Reaches(from) {
		return err
	}
	refused := jeroboam.Errorf(jeroboam.Conflict, "upgrade-path", "%s %s cannot be upgraded to %s in place.", coe, from, to)
	steps := Upgrades(coe, from)
	if len(steps) == 0 {
		return refused.WithRemedy("Make a new cluster of that version.")
	}
	return refused.WithRemedy("Choose one of %s.", list(steps))
}

// Upgrades are the releases that a COE's version may be upgraded to in place,
// the newest first.
func Upgrades(coe, from string) []Release {
	return slices.DeleteFunc(Versions(coe), func(r Release) bool { return !r.Reaches(from) })
}

// Reaches says whether r may be installed over the version from, in place.
func (r Release) Reaches(from string) bool {
	onLine := func(line string) bool { return strings.HasPrefix(from, line+".") }
	return Compare(from, r.Version) < 0 && slices.ContainsFunc(r.From, onLine)
}

func list(all []Release) string {
	var versions []string
	for _, r := range all {
		versions = append(versions, r.Version)
	}
	return strings.Join(versions, ", ")
}
