# Jeroboam's commands; "make" alone lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help

GO = $(shell deploy/go.sh)
KUBERNETES := v1.36.3
KUBERNETES_BEFORE := v1.35.4
BUNDLE := bin/bundles/kubernetes-$(KUBERNETES)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
STATE := $(or $(JEROBOAM_STATE),.state)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: up
up: packages build ## start the service and a demo cluster on this host (root)
	@bin/jeroboam up

.PHONY: down
down: ## remove every trace of it
	@if [ -x bin/jeroboam ]; then bin/jeroboam down; elif [ -e $(STATE) ]; then $(MAKE) build-programs && bin/jeroboam down; else echo "Nothing is up."; fi

.PHONY: build
build: build-programs bundle ## build the programs and the Kubernetes bundle into bin/

.PHONY: build-programs
build-programs:
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/jeroboam ./cmd/jeroboam
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/jeroboam-agent ./cmd/jeroboam-agent

.PHONY: bundle
bundle: ## build the Kubernetes bundle; what is up to date is left alone
	$(GO) run ./distro/build -kubernetes $(KUBERNETES)
	@ln -sfn bundles/kubernetes-$(KUBERNETES)/bin/kubernetes bin/kubectl

.PHONY: bundle-before
bundle-before: ## build the bundle of the minor release before, to upgrade from
	$(GO) run ./distro/build -kubernetes $(KUBERNETES_BEFORE)

.PHONY: packages
packages: ## install the operating-system packages that are missing (root)
	@deploy/packages.sh

.PHONY: test
test: lint test-packages test-unit test-clients test-real ## every test, those with real clusters too (root)

.PHONY: test-packages
test-packages: ## install what only the tests need, too (root)
	@deploy/packages.sh --test

.PHONY: test-unit
test-unit: ## tests that need neither root nor a network
	$(GO) test -race -p 4 -timeout 10m ./... # many wait more than they compute

.PHONY: test-real
test-real: packages build bundle-before ## tests with real machines and clusters on this host (root)
	JEROBOAM_TEST_REAL=1 $(GO) test -v -count 1 -timeout 40m -p 1 $(REAL)

# The packages whose tests make real machines when they are asked to.
REAL = $(shell grep -rl --include='*_test.go' JEROBOAM_TEST_REAL . 2>/dev/null | xargs -r -n 1 dirname | sort -u)

.PHONY: test-clients
test-clients: test-packages build-programs ## OpenStack's own clients against the service, on the simulated cloud
	JEROBOAM_TEST_CLIENTS=1 $(GO) test -count 1 -parallel 8 ./test/clients

.PHONY: test-keystone
test-keystone: test-packages build-programs ## tests with a real Keystone, of the testbed in ../shared/testbed/openstack, and every client through it (root)
	@# the testbed's Keystone asks memcached through it
	@dpkg -s python3-pymemcache >/dev/null 2>&1 || apt-get install -y -q --no-install-recommends python3-pymemcache
	JEROBOAM_TEST_OPENSTACK=1 $(GO) test -v -count 1 -timeout 10m -p 1 -run RealKeystone ./identity/keystone ./cmd/jeroboam ./test/gophercloud/life ./test/clients

.PHONY: test-openstack
test-openstack: test-cloud test-tempest ## tests with a real OpenStack: the one that OS_CLOUD names, or the testbed in ../shared/testbed/openstack (root)

.PHONY: test-cloud
test-cloud: test-packages build-programs ## those of them that need no Tempest; SHORT=-short leaves out what takes long
	@# the testbed's Keystone asks memcached through it
	@[ -n "$$OS_CLOUD" ] || dpkg -s python3-pymemcache >/dev/null 2>&1 || apt-get install -y -q --no-install-recommends python3-pymemcache
	JEROBOAM_TEST_OPENSTACK=1 $(GO) test -v -count 1 -timeout 40m -p 1 $(SHORT) -run Real $(filter-out ./test/tempest,$(OPENSTACK))

# The packages whose tests use an OpenStack when they are asked to.
OPENSTACK = $(shell grep -rl --include='*_test.go' testbed.Start . 2>/dev/null | xargs -r -n 1 dirname | sort -u)

.PHONY: test-tempest
test-tempest: test-packages build-programs ## OpenStack's own tests of the Magnum API, with the testbed's Keystone (root)
	@dpkg -s magnum-tempest-plugin >/dev/null 2>&1 || apt-get install -y -q --no-install-recommends magnum-tempest-plugin
	JEROBOAM_TEST_OPENSTACK=1 $(GO) test -v -count 1 -timeout 20m ./test/tempest

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (1m) each; findings stay in testdata/fuzz
	@deploy/fuzz.sh "$(GO)" "$(FUZZTIME)"

FUZZTIME = 1m

.PHONY: bench
bench: packages build ## how fast a cluster is made, against a script that starts the bare components (root)
	JEROBOAM_TEST_REAL=1 $(GO) test -v -count 1 -timeout 60m -run '^$$' -bench . -benchtime 5x ./test/e2e

.PHONY: bench-api
bench-api: build-programs ## how fast the API answers, beside a real Magnum where one runs
	$(GO) run ./test/bench/api

.PHONY: bench-openstack
bench-openstack: ## clusters made at once on the testbed's OpenStack, beside its Magnum; CLUSTERS="1 10 50" (root)
	../shared/testbed/openstack/up --with magnum
	JEROBOAM_TEST_OPENSTACK=1 JEROBOAM_BENCH_CLUSTERS="$(CLUSTERS)" $(GO) test -v -count 1 -timeout 60m -run BenchBesideMagnum ./test/openstack

CLUSTERS = 1 10

.PHONY: compare-magnum
compare-magnum: build-programs ## the same calls to the testbed's Magnum 15: each difference must be explained (root)
	../shared/testbed/openstack/up --with magnum
	JEROBOAM_TEST_OPENSTACK=1 $(GO) test -v -count 1 -timeout 30m -run Magnum ./test/compare

.PHONY: lint
lint: ## formatting, vet, and whether go.mod is tidy
	@bad=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$bad" ]; then echo "not gofmt'ed:"; echo "$$bad"; exit 1; fi
	$(GO) vet ./...
	$(GO) mod tidy -diff

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
