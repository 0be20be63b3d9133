package dockerengine_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
)

// bridge6 is the address that this machine has on a bridge with IPv6: a unique local one that nobody else has.
const bridge6, subnet6 = "fd5a:617f:7077::1", "fd5a:617f:7077::/64"

// TestGuardedIPv6 gives a runner's bridge the IPv6 that it never has, as an engine with another default might: the rules drop all of it.
// The same probes on the same bridge before the rules are set are the positive control.
func TestGuardedIPv6(t *testing.T) {
	testenv.NeedsIPv6(t)
	testenv.NeedsRoot(t, "nft", "ip6tables")
	engine := newEngine(t, dockerengine.PullPolicy{When: dockerengine.PullMissing})
	port := hostPort(t)
	options := guardedOptions()
	for _, tool := range slices.Sorted(maps.Keys(options)) {
		t.Run(tool, func(t *testing.T) {
			runner := "guarded6-" + tool
			network := withIPv6(t, engine, runner, options[tool])
			t.Cleanup(func() { cleanNetwork(t, engine, runner) })
			want := map[string]string{"the bridge's address": "reached", "the bridge's link-local address": "reached"}
			if diff := cmp.Diff(want, probe6(t, network, port)); diff != "" {
				t.Fatalf("without rules (-want +got):\n%s", diff)
			}
			if err := engine.PrepareNetwork(t.Context(), runner, options[tool]); err != nil {
				t.Fatal(err)
			}
			for name := range want {
				want[name] = "closed"
			}
			if diff := cmp.Diff(want, probe6(t, network, port)); diff != "" {
				t.Errorf("with rules (-want +got):\n%s", diff)
			}
		})
	}
}

// withIPv6 puts a network with IPv6 in the place of the runner's, which is then taken for it, and leaves it without rules.
func withIPv6(t *testing.T, engine *dockerengine.Engine, runner string, options *dockerengine.NetworkOptions) string {
	t.Helper()
	network := "slashgrade-" + runner
	if err := engine.PrepareNetwork(t.Context(), runner, options); err != nil {
		t.Fatal(err)
	}
	bridge := docker(t, "network", "inspect", "--format", `{{index .Options "com.docker.network.bridge.name"}}`, network)
	if err := engine.RemoveNetwork(t.Context(), runner); err != nil {
		t.Fatal(err)
	}
	docker(t, "network", "create", "--ipv6", "--subnet", subnet6, "--gateway", bridge6, "--label", dockerengine.LabelRunner+"="+runner,
		"--opt", "com.docker.network.bridge.name="+bridge, network)
	return network
}

// probe6 tries from a container what it reaches of this machine.
func probe6(t *testing.T, network, port string) map[string]string {
	t.Helper()
	script := fmt.Sprintf(`
reach() { timeout 3 bash -c "exec 3<>/dev/tcp/$2/%s" 2>/dev/null && echo "$1=reached" || echo "$1=closed"; }
reach "the bridge's address" %s
reach "the bridge's link-local address" fe80::1%%eth0
`, port, bridge6)
	found := map[string]string{}
	for line := range strings.Lines(docker(t, "run", "--rm", "--network", network, testenv.Image, "bash", "-c", script)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		found[name] = value
	}
	return found
}
