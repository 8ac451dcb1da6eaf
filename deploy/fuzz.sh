#!/bin/sh
# Runs each fuzz target for a while, one after another, for Go fuzzes only one
# at a time. What a target finds stays in its package's testdata/fuzz, where the
# plain test runs it from then on.
#
#   deploy/fuzz.sh GO TIME   such as: deploy/fuzz.sh go 1m
set -eu
go=$1 time=$2
failed=
for package in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' "$package"/*_test.go); do
		echo "== $package $target"
		"$go" test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$time" || failed="$failed $package:$target"
	done
done
if [ -n "$failed" ]; then
	echo "found something:$failed" >&2
	exit 1
fi
