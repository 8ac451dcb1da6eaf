// Package names makes names for objects whose users gave none.
package names

import (
	"math/rand/v2"
	"strconv"
)

var greek = []string{"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu",
	"nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"}

// Random makes a name such as "kappa-9-cluster" for the kind "cluster". Names
// need not be unique.
func Random(kind string) string {
	return greek[rand.IntN(len(greek))] + "-" + strconv.Itoa(1+rand.IntN(24)) + "-" + kind
}
