# Targets explain themselves: make help

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
DATA    ?= ./data
FUZZTIME ?= 1m
BENCH   ?= .
DURATION ?= 15m
SEED    ?=
# The seed of the run of the fault suite that a change has to pass.
CI_SEED := 30
PREVIOUS ?=
# These wait more than they work: they begin first, beside the others.
LONGEST := ./test/cluster ./internal/app
# SQLite is C made Go, whose memory the race detector does not know: to watch it finds nothing, and makes it several times slower.
UNWATCHED := '-gcflags=modernc.org/...=-d=checkptr=0' '-gcflags=modernc.org/sqlite/lib=-race=false -d=checkptr=0'
# What tests are run with.
TESTS = GOFLAGS="$(GOFLAGS) $(UNWATCHED)" TMPDIR=$$(scripts/scratch)
LINTER  := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.DEFAULT_GOAL := help
.PHONY: help build run demo check lint test race fuzz bench cluster upgrade faults faults-ci faults-broken simulate scale realclient docs outage

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the binary, in bin/teiserver: static and reproducible
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-X teiserver/internal/app.Version=$(VERSION)" -o bin/teiserver ./cmd/teiserver

run: build ## one node with SQLite in ./data (DATA=folder for another)
	exec bin/teiserver serve --data-dir $(DATA)

demo: build ## three nodes, bots and a live view; keys kill, pause, cut or drain a node (DEMO=flags, --help lists them)
	$(GO) build -o bin/demo ./cmd/demo
	exec bin/demo $(DEMO)

check: ## format, vet, who may import whom, generated pages: quick
	@unformatted=$$(gofmt -l cmd internal test); if [ -n "$$unformatted" ]; then echo "gofmt these:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags faults,failpoints ./internal/failpoint ./test/faults/...
	$(GO) vet -tags scale ./internal/cluster/simulation
	$(GO) test ./internal/layers ./internal/config

lint: ## golangci-lint with .golangci.yml (fetches the linter)
	$(GO) run $(LINTER) run

test: ## all tests, PostgreSQL included, with the race detector
	scripts/prepare
	$(TESTS) $(GO) test -race -shuffle=on -p 2 -timeout 25m $(LONGEST) ./...
	@if git rev-parse -q --verify HEAD~1 >/dev/null 2>&1; then $(TESTS) PREVIOUS=$(PREVIOUS) scripts/upgrade; \
	else echo 'no earlier commit is here: left out how two releases run in one cluster'; fi

race: ## all tests three times in other orders, the processes of test/cluster with the race detector too
	scripts/prepare
	TEST_RACE=1 $(TESTS) $(GO) test -race -shuffle=on -count=3 -timeout 90m ./...

fuzz: ## each fuzz target for FUZZTIME (1m)
	scripts/fuzz $(FUZZTIME)

bench: ## benchmarks (BENCH=pattern)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...

cluster: ## several processes, kills and cuts
	scripts/prepare
	$(TESTS) $(GO) test -race -count=1 ./test/cluster/...

outage: ## the database is away for DURATION while a game ends on three nodes (make outage DURATION=10m)
	scripts/prepare
	OUTAGE_DURATION=$(DURATION) $(GO) test -count=1 -timeout 6h -v -run '^TestOutage$$' ./test/cluster

upgrade: ## the previous commit (PREVIOUS=ref) and this tree in one cluster, node by node
	scripts/prepare
	$(TESTS) PREVIOUS=$(PREVIOUS) scripts/upgrade

faults: ## random faults under load for DURATION (15m); SEED replays; FAULTS_DB=sqlite; needs root, see docs/failures.md
	scripts/prepare faults
	FAULTS_DURATION=$(DURATION) FAULTS_SEED=$(SEED) $(GO) test -tags faults -count=1 -timeout 6h -v -run '^TestFaults$$' ./test/faults

faults-ci: ## 15 minutes of faults, the same each time: what a change has to pass
	scripts/prepare faults
	FAULTS_DURATION=$(DURATION) FAULTS_SEED=$(or $(SEED),$(CI_SEED)) $(GO) test -tags faults -count=1 -timeout 40m -v -run '^TestFaults$$' ./test/faults

faults-broken: ## wrong variants of the protocols, each of which the suite has to catch
	scripts/prepare faults
	$(GO) test -tags faults -count=1 -timeout 1h -v -run '^(TestLinks|TestShortCut|TestBack|TestBroken)$$' ./test/faults/...

simulate: ## whole clusters in virtual time under random faults for DURATION (15m); SEED plays one
	SIM_DURATION=$(DURATION) SIM_SEED=$(SEED) $(GO) test -count=1 -timeout 12h -v -run '^TestSchedules$$' ./internal/cluster/simulation

scale: ## what a cluster costs as nodes and keys grow: docs/scale.tsv and docs/scale.svg
	SCALE_OUT=$(CURDIR)/docs/scale.tsv $(GO) test -tags scale -count=1 -timeout 3h -v -run '^TestScale$$' ./internal/cluster/simulation
	$(GO) run ./internal/cluster/simulation/plot docs/scale.tsv docs/scale.svg

realclient: build ## real lobby clients against a cluster of this tree; with SPADS=folder also that autohost
	scripts/realclient
	$(if $(SPADS),SPADS=$(SPADS) scripts/spads)

docs: ## rewrite the pages that are made from the code
	$(GO) test ./internal/config -run TestReference -update
