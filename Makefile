# Every target is a thin name for a command that also works without make.
export CGO_ENABLED = 0

FUZZTIME ?= 10s
ARGS     ?=
CORPUS   ?=
LABELS   ?=
LINT      = bash .ci/lint

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/spoor, one static binary
	go build -trimpath -o bin/spoor ./cmd/spoor

.PHONY: test
test: ## run the tests, as the README does
	go test ./...

.PHONY: lint
lint: ## gofmt, go vet and the linters of .golangci.yml, at the pinned version
	$(LINT)

.PHONY: fuzz
fuzz: ## run every fuzz test for FUZZTIME (10s) beyond its seeds
	bash .ci/fuzz $(FUZZTIME)

.PHONY: quality
quality: ## score what is found in labelled reports (ARGS=-errors, -update; CORPUS=DIR LABELS=FILE for others)
	SPOOR_QUALITY_CORPUS='$(abspath $(CORPUS))' SPOOR_QUALITY_LABELS='$(abspath $(LABELS))' \
		go test -count=1 -v -run '^TestQuality$$' ./internal/ingest/ $(ARGS)

.PHONY: bench
bench: ## run the Go benchmarks of all rooms
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: bench-load
bench-load: ## load a set, start the real server, measure it over loopback (ARGS=-help)
	go run ./cmd/bench-load $(ARGS)

.PHONY: check-full
check-full: ## what is too long for every commit: the whole set, fifty kills
	SPOOR_FULL=1 SPOOR_KILLS=50 go test -count=1 -timeout 90m ./...

.PHONY: ci
ci: ## what the build machine runs
	bash .ci/run
