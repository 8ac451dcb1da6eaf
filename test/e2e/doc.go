// Package e2e drives the real binaries as their users do: jeroboam serve on a
// state directory of the test's own, the command line, kubectl, and kill -9.
// Its tests make real clusters on this host and compare the host before and
// after, so they want root and run only with JEROBOAM_TEST_REAL=1.
package e2e
