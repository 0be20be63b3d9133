# slashgrade. On a fresh machine: `make demo`, then `make test`. What is missing is installed (Debian, as root) or named.

STATIC = CGO_ENABLED=0 GOOS=linux
GUEST = -trimpath -ldflags '-s -w' -o

.DEFAULT_GOAL := help
.PHONY: help demo demo-aws build images engine localstack test test-hostile test-hostile-all test-gvisor test-podman fuzz sbom check lint tidy vuln cross scripts python

# Print this list.
help:
	@awk '/^# /{text=substr($$0,3)} /^[a-z-]+:/{sub(/:.*/,""); printf "%-18s %s\n", $$0, text} !/^#/{text=""}' Makefile

# Grade an example course's submissions through the embedded queue, and show the reports.
demo: engine images build
	@scripts/demo.sh

# The same jobs through LocalStack's SQS and S3.
demo-aws: engine images build localstack
	@scripts/demo-aws.sh

# Build bin/slashgrade and the guest that goes into the containers, for both architectures.
build:
	@CGO_ENABLED=0 go build -trimpath -o bin/slashgrade ./cmd/slashgrade
	@$(STATIC) GOARCH=amd64 go build $(GUEST) bin/slashgrade-guest-linux-amd64 ./cmd/slashgrade-guest
	@$(STATIC) GOARCH=arm64 go build $(GUEST) bin/slashgrade-guest-linux-arm64 ./cmd/slashgrade-guest

# Build the grader images (slashgrade/python-grader:dev).
images: engine
	@scripts/images.sh

# Make a Docker engine answer, and give it the image that the shell graders run in.
engine:
	@scripts/engine.sh
	@scripts/base-image.sh

# Bring LocalStack up on 127.0.0.1:4566 and leave it running; localstack/stop.sh ends it.
localstack:
	@localstack/start.sh

# Run every test, Python's and Go's, against a real engine and a real LocalStack.
test: engine images localstack build
	scripts/python.sh pytest
	@scripts/registry.sh
	@scripts/test-go.sh

# Run the hostile jobs alone, on the Docker engine with its default runtime; they are part of `make test`.
test-hostile: engine build
	CI=true go test -count=1 -timeout 20m ./runner/hostile

# Run the hostile jobs on every engine, runtime and profile that this machine has, and print a table.
test-hostile-all: engine build
	@scripts/hostile-all.sh

# Run every fuzz target for 30 seconds (FUZZTIME).
fuzz:
	@scripts/fuzz.sh

# Write what the programs are made of to bin/*.cdx.json.
sbom: build
	@scripts/sbom.sh

# Run the sandbox's conformance suite in gVisor, but for what is listed as not holding there.
test-gvisor: engine build
	@scripts/gvisor.sh
	SLASHGRADE_TEST_RUNTIME=runsc go test -count=1 -timeout 30m -run TestConformance ./runner/sandbox/dockerengine

# Run the sandbox's conformance suite on Podman's service, but for what is listed as not holding there.
test-podman: engine build
	@scripts/podman.sh
	DOCKER_HOST=unix:///run/slashgrade-podman/podman.sock go test -count=1 -timeout 30m -run TestConformance ./runner/sandbox/dockerengine

# Run linters, formatters and all other checks that need no engine.
check: lint tidy vuln cross scripts python

# Run Go's linters and formatters.
lint:
	go vet ./...
	scripts/tool.sh golangci-lint fmt --diff
	scripts/tool.sh golangci-lint run

# Show what go.mod and go.sum lack or have too much.
tidy:
	go mod tidy -diff

# Look for known vulnerabilities.
vuln:
	scripts/vulncheck.sh

# Compile the program for macOS, which course staff have.
cross:
	GOOS=darwin GOARCH=arm64 go build -o /dev/null ./cmd/slashgrade

# Run shellcheck on the scripts.
scripts:
	scripts/shellcheck.sh

# Run the Python package's linter, formatter and type checker.
python:
	scripts/python.sh ruff check .
	scripts/python.sh ruff format --check .
	scripts/python.sh mypy
