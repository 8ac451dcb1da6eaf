// Package release knows what can be installed: the catalogue of COE versions
// and the upgrades between them, and the bundles of programs and images that
// each version needs, down to the digest of every file. It is data and the
// rules to read it: it downloads, builds and installs nothing.
package release
