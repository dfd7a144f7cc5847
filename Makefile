# `make` prints what it can do.
.DEFAULT_GOAL := help
.PHONY: release release-check check-observability check-kubernetes help build demo deps test check format vet lint vuln race search e2e e2e-compose e2e-shop torture newcomer bench bench-smoke nats clean

GO      ?= go
BIN     := bin
MODULE  := ./...
TOOL    := $(GO) tool -modfile=tools/go.mod

# The program needs no C. Without it everything that is built and tested here shares what was compiled once.
export CGO_ENABLED = 0

# What `orderbridge version` says; without git nothing is known.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unreleased)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS := -X github.com/orderbridge/orderbridge/settings.version=$(VERSION) -X github.com/orderbridge/orderbridge/settings.commit=$(COMMIT)

SOURCES := $(shell find . -name '*.go' -not -path './.demo/*' -not -path './bin/*')

help: ## print this
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -e 's/:.*## /\t/' | expand -t 13

build: ## build bin/orderbridge
	@echo "building $(BIN)/orderbridge; the first time takes some minutes and lists what it compiles"
	@$(GO) build -v -ldflags "$(LDFLAGS)" -o $(BIN)/orderbridge .

demo: build ## two sides, seeded, until Ctrl-C (DEMO_ARGS="--port-base 9080 --fresh", "--with-shop", or "--sides 3 --topology ring")
	$(BIN)/orderbridge demo $(DEMO_ARGS)

deps: ## install what the tests need and is missing: PostgreSQL and Chromium, from the distribution
	$(GO) run ./deploy/packages/ensure

# A test that hangs ends after an hour; a busy machine may take most of it.
LIMIT   := -timeout 60m
# What make test tries end to end. All of it, with faults, takes several times as long: make e2e.
SHORT   := ^Test(Tour|Collisions|Stop|Pages|Wire|OnlyTheEndsOfLogsAreKept)$$

test: deps build ## all tests, against real PostgreSQL and real JetStream, and of the end-to-end checks the short ones
	@echo "testing; the first time takes some minutes of compiling before the first line"
	$(GO) test $(LIMIT) $$($(GO) list $(MODULE) | grep -v /deploy/e2e)
	$(GO) test -count=1 $(LIMIT) -run '$(SHORT)' ./deploy/e2e

check: format vet lint vuln race search ## what CI runs: format, vet, linters, vulnerabilities, tests with the race detector

format: ## fail for files that are not formatted
	@bad=$$($(TOOL) gofumpt -l $(SOURCES)); test -z "$$bad" || { echo "not formatted (run go tool -modfile=tools/go.mod gofumpt -w .):"; echo "$$bad"; exit 1; }
	@$(GO) mod tidy -diff

vet: ## go vet
	$(GO) vet $(MODULE)

# Few linters, each for a reason: staticcheck finds bugs and dead code, exhaustive holds every switch
# over states complete, errcheck finds errors that nobody looked at.
lint: ## staticcheck, exhaustive, errcheck
	$(TOOL) staticcheck $(MODULE)
	$(TOOL) exhaustive -d -typeonly 'ordersync\.State$$' -constignore '\.Any$$' $(MODULE)
	$(TOOL) errcheck -ignoretests -exclude tools/errcheck.txt $(MODULE)

vuln: ## known vulnerabilities that the code can reach (VULNDB=file:///path for a database of your own)
	@sh tools/vuln.sh $(VULNDB)

# The end-to-end checks run without the race detector: their subject is the built program.
race: deps ## tests with the race detector
	CGO_ENABLED=1 $(GO) test -race $(LIMIT) $$($(GO) list $(MODULE) | grep -v /deploy/e2e)

search: ## the complete searches of the protocol, which the race detector would make take minutes
	$(GO) test $(LIMIT) ./services/orders/ordersync

e2e: deps ## end-to-end checks over REST and in a browser against a running demo, with faults
	$(GO) test -count=1 $(LIMIT) ./deploy/e2e

e2e-compose: ## the same against the composed sides: one broker, three, a shop (IMAGES=standins: build the base images)
	@images=$$(test "$(IMAGES)" != standins || deploy/standins/build.sh) && eval "$$images" && \
	E2E_COMPOSE=1 $(GO) test -count=1 -timeout 40m -run '^TestCompose' -v ./deploy/e2e

e2e-shop: deps ## the connector's adapters against real shops: Tryton, whose packages must be installed
	$(GO) test -count=1 $(LIMIT) ./deploy/e2eshop

torture: deps ## single faults and mixes of faults, end to end, each for half an hour (E2E_MINUTES=120: as long as that)
	E2E_MINUTES=$(or $(E2E_MINUTES),30) $(GO) test -count=1 -timeout 0 -v -run '^Test(Faults|Torture)$$' ./deploy/e2e

newcomer: ## the README's commands in a fresh minimal Debian, as a normal user and as root (needs root and debootstrap)
	.ci/newcomer whole

bench: deps ## drain, time until visible and memory, beside a floor measured in the same run (BENCH_ARGS="-pages 1000000": the admin's pages)
	$(GO) run ./deploy/bench $(BENCH_ARGS)

bench-smoke: deps ## see that the benches run; what they measure so small counts for nothing
	$(GO) run ./deploy/bench -orders 1000 -copy 1000 -many 3000 -rounds 1 -single 100 -visible 2s
	$(GO) run ./deploy/bench -pages 50000 -calls 1

check-observability: deps ## rules and dashboard, by Prometheus's own code, against two running sides
	cd tools/observability && $(GO) vet ./... && $(GO) test -count=1 $(LIMIT) ./...

check-kubernetes: ## the manifests, built by kustomize and decoded into the types of the Kubernetes API
	cd tools/kubernetes && $(GO) vet ./... && $(GO) test -count=1 ./...

release: ## build dist/: archives, Debian packages, bills of materials, licences, provenance, checksums (VERSION=v0.1.0 TARGETS=linux_amd64,…)
	cd tools/release && $(GO) run . -version $(VERSION) -targets "$(TARGETS)"

# Another folder, an empty build cache: what is the same then is so everywhere.
release-check: release ## build the release again from a clone elsewhere, and fail unless all bytes are the same
	@elsewhere=$$(mktemp -d) && trap 'rm -rf $$elsewhere' EXIT && \
	git clone -q . $$elsewhere/another/clone && \
	(cd $$elsewhere/another/clone/tools/release && GOCACHE=$(or $(RELEASE_CACHE),$$elsewhere/cache) $(GO) run . -version $(VERSION) -targets "$(TARGETS)") && \
	diff -r dist $$elsewhere/another/clone/dist && echo "the same bytes: $$(wc -l <dist/SHA256SUMS) files"

nats: ## build bin/nats, the NATS command line
	cd tools/nats && $(GO) build -o ../../$(BIN)/nats github.com/nats-io/natscli/nats

clean: ## remove what was built, and the demo's data
	rm -rf $(BIN) dist .demo
