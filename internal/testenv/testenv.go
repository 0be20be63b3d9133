// Package testenv tells tests whether the real parts that they need are here: a Docker engine, a LocalStack. In CI a missing part
// fails the test; elsewhere it is skipped with the command that brings the part up.
package testenv

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Image is the small image that tests run their shell graders in; scripts/base-image.sh provides it.
const Image = "debian:trixie-slim"

// NeedsDocker stops the test unless a Docker engine answers and has Image.
func NeedsDocker(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "docker", "image", "inspect", "--format", "{{.ID}}", Image).CombinedOutput(); err != nil {
		missing(tb, "a Docker engine with "+Image, "make engine", string(out))
	}
}

// NeedsImage stops the test unless the engine has the image; command is what builds it.
func NeedsImage(tb testing.TB, image, command string) {
	tb.Helper()
	NeedsDocker(tb)
	if out, err := exec.CommandContext(tb.Context(), "docker", "image", "inspect", "--format", "{{.ID}}", image).CombinedOutput(); err != nil {
		missing(tb, "the image "+image, command, string(out))
	}
}

// NeedsLocalStack stops the test unless LocalStack answers, and returns its endpoint: $SLASHGRADE_TEST_AWS_ENDPOINT, else port 4566 of
// the loopback. It takes any credentials ("test", "test") and the region us-east-1.
func NeedsLocalStack(tb testing.TB) string {
	tb.Helper()
	endpoint := os.Getenv("SLASHGRADE_TEST_AWS_ENDPOINT")
	if endpoint == "" {
		endpoint = "http://127.0.0.1:4566"
	}
	ctx, cancel := context.WithTimeout(tb.Context(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/_localstack/health", nil)
	if err != nil {
		tb.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		missing(tb, "LocalStack at "+endpoint, "make localstack", err.Error())
	} else {
		_ = response.Body.Close()
	}
	return endpoint
}

// NeedsRoot stops the test unless it runs as root of a Linux machine that has the programs.
func NeedsRoot(tb testing.TB, programs ...string) {
	tb.Helper()
	if os.Geteuid() != 0 {
		missing(tb, "root", "sudo make test", "this test sets rules of the kernel's")
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing(tb, program, "apt-get install iproute2 nftables iptables perl", err.Error())
		}
	}
}

// NeedsIPv6 skips the test on a machine whose kernel has no IPv6, in CI as well: there is nothing to be reached by it there.
func NeedsIPv6(tb testing.TB) {
	tb.Helper()
	off, err := os.ReadFile("/proc/sys/net/ipv6/conf/all/disable_ipv6")
	if err != nil || strings.TrimSpace(string(off)) != "0" {
		tb.Skip("this machine has no IPv6 that a container could use")
	}
}

func missing(tb testing.TB, what, command, found string) {
	tb.Helper()
	if os.Getenv("CI") != "" {
		tb.Fatalf("%s is missing (%s): in CI every test runs", what, found)
	}
	tb.Skipf("%s is missing: run `%s` first", what, command)
}

// NeedsPython stops the test unless a python3 of version 3.8 or later is here.
func NeedsPython(tb testing.TB) {
	tb.Helper()
	const program = "import sys; sys.exit(sys.version_info < (3, 8))"
	if out, err := exec.CommandContext(tb.Context(), "python3", "-c", program).CombinedOutput(); err != nil {
		missing(tb, "python3 3.8 or later", "apt-get install python3", string(out))
	}
}
