package dockerengine_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// neighbour is a second host: a network namespace at the end of a cable of its own, with addresses of every kind. No packet for it leaves
// this machine.
type neighbour struct{ name string }

// The neighbour's addresses. TEST-NET-3 stands for the Internet: the rules leave it open, and nobody has it.
const (
	public    = "203.0.113.77"
	private   = "10.213.77.2"
	linkLocal = "169.254.213.77"
	carrier   = "100.64.213.77"
	allowed   = "192.168.213.77"
	cable     = "10.213.77.1" // this machine's end
	answers   = "7077"        // the port that answers on every address
	resolves  = "53"
)

func newNeighbour(t *testing.T) *neighbour {
	t.Helper()
	testenv.NeedsRoot(t, "ip", "perl")
	n := &neighbour{name: fmt.Sprintf("sgt%d", os.Getpid())}
	t.Cleanup(func() { n.ip(t, "netns", "del", n.name) })
	n.ip(t, "netns", "add", n.name)
	n.ip(t, "link", "add", n.name, "type", "veth", "peer", "name", "eth0", "netns", n.name)
	t.Cleanup(func() { n.ip(t, "link", "del", n.name) })
	n.ip(t, "addr", "add", cable+"/32", "dev", n.name)
	n.ip(t, "link", "set", n.name, "up")
	n.ip(t, "-n", n.name, "link", "set", "lo", "up")
	n.ip(t, "-n", n.name, "link", "set", "eth0", "up")
	for _, address := range []string{public, private, linkLocal, carrier, allowed} {
		n.ip(t, "-n", n.name, "addr", "add", address+"/32", "dev", "eth0")
		n.ip(t, "route", "add", address+"/32", "dev", n.name, "src", cable)
	}
	n.ip(t, "-n", n.name, "route", "add", "default", "dev", "eth0")
	n.serve(t)
	return n
}

func (n *neighbour) ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Errorf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// serve listens on every address of the neighbour until the test ends.
func (n *neighbour) serve(t *testing.T) {
	t.Helper()
	const listen = `use IO::Socket; use IO::Select; $| = 1;
my $all = IO::Select->new(map { IO::Socket::INET->new(LocalPort => $_, Listen => 9, ReuseAddr => 1) or die $! } 7077, 53);
print "ready\n";
while (1) { $_->accept for $all->can_read }`
	command := exec.Command("ip", "netns", "exec", n.name, "perl", "-e", listen)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
}

// hostPort is a listener of this machine on all of its addresses.
func hostPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// probe tries from inside a job what it can reach, by name of the attempt, and what sockets it may make.
func probe(t *testing.T, engine *dockerengine.Engine, runner, hosts string) map[string]string {
	t.Helper()
	image := mustHave(t, engine, testenv.Image)
	profile := sandbox.Profiles()[sandbox.PrairieLearn]
	session, err := sandbox.Open(t.Context(), engine, &sandbox.Spec{Image: image, Profile: profile, Networking: true, Runner: runner, Job: "probe"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := session.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	script := `
reach() { timeout 3 bash -c "exec 3<>/dev/tcp/$2/$3" 2>/dev/null && echo "$1=reached" || echo "$1=closed"; }
gateway=$(awk '$2 == "00000000" {print $3}' /proc/net/route | sed 's/\(..\)\(..\)\(..\)\(..\)/0x\4 0x\3 0x\2 0x\1/' | xargs printf '%d.%d.%d.%d')
` + strings.NewReplacer("PUBLIC", public, "PRIVATE", private, "LINK", linkLocal, "CARRIER", carrier, "ALLOWED", allowed, "CABLE", cable,
		"ANSWERS", answers, "RESOLVES", resolves, "HOSTPORT", hosts).Replace(`
reach public PUBLIC ANSWERS & reach private PRIVATE ANSWERS & reach link-local LINK ANSWERS & reach carrier CARRIER ANSWERS &
reach allowed ALLOWED ANSWERS & reach resolver PRIVATE RESOLVES & reach "not the resolver" CARRIER RESOLVES &
reach gateway $gateway HOSTPORT & reach host CABLE HOSTPORT &
reach "host by IPv6" $(awk '$4 != "10" {print $1; exit}' /proc/net/if_inet6 | sed 's/^\(....\).*/\1::1/')%eth0 HOSTPORT &
wait
perl -MSocket -e '
print "raw=", socket(my $a, AF_INET, SOCK_RAW, 1) ? "made" : "refused", "\n";
print "packet=", socket(my $b, 17, SOCK_RAW, 0x0300) ? "made" : "refused", "\n";
print "ping=", socket(my $c, AF_INET, SOCK_DGRAM, 1) ? "made" : "refused", "\n"'
`)
	var output strings.Builder
	command := &sandbox.Command{Argv: []string{"bash", "-c", script}, Env: []string{"PATH=" + sandbox.DefaultPath}, Timeout: time.Minute, MaxOutput: 1 << 16}
	ending, err := session.Run(t.Context(), command, func(_ guest.Stream, chunk []byte) { output.Write(chunk) })
	if err != nil || ending.Ended == nil || ending.Ended.Status != 0 {
		t.Fatalf("the probe ended with %+v, %v: %s", ending, err, output.String())
	}
	found := map[string]string{}
	for line := range strings.Lines(output.String()) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		found[name] = value
	}
	return found
}

// TestGuardedNetwork compares what a job reaches on the engine's own bridge, which is the positive control of every probe, with what it
// reaches on the runner's.
func TestGuardedNetwork(t *testing.T) {
	engine := newEngine(t, dockerengine.PullPolicy{When: dockerengine.PullMissing})
	newNeighbour(t)
	port := hostPort(t)
	if err := engine.PrepareNetwork(t.Context(), "guarded", &dockerengine.NetworkOptions{Mode: dockerengine.NetworkOpen}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"public": "reached", "private": "reached", "link-local": "reached", "carrier": "reached", "allowed": "reached", "resolver": "reached",
		"not the resolver": "reached", "gateway": "reached", "host": "reached", "host by IPv6": "closed",
		"raw": "refused", "packet": "refused", "ping": "refused",
	}
	if diff := cmp.Diff(want, probe(t, engine, "guarded", port)); diff != "" {
		t.Fatalf("on the engine's own bridge (-want +got):\n%s", diff)
	}
	for name, options := range guardedOptions() {
		runner := "guarded-" + name
		if err := engine.PrepareNetwork(t.Context(), runner, options); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cleanNetwork(t, engine, runner) })
		for _, closed := range []string{"private", "link-local", "carrier", "not the resolver", "gateway", "host"} {
			want[closed] = "closed"
		}
		if diff := cmp.Diff(want, probe(t, engine, runner, port)); diff != "" {
			t.Errorf("%s: on the runner's bridge (-want +got):\n%s", name, diff)
		}
	}
}

func guardedOptions() map[string]*dockerengine.NetworkOptions {
	options := map[string]*dockerengine.NetworkOptions{}
	for _, tool := range []string{"nft", "iptables"} {
		options[tool] = &dockerengine.NetworkOptions{
			Mode: dockerengine.NetworkGuarded, Tool: tool,
			Allow:     []netip.Prefix{netip.MustParsePrefix(allowed + "/32")},
			Resolvers: []netip.Addr{netip.MustParseAddr(private)},
		}
	}
	return options
}

func cleanNetwork(t *testing.T, engine *dockerengine.Engine, runner string) {
	t.Helper()
	bridge := docker(t, "network", "inspect", "--format", `{{index .Options "com.docker.network.bridge.name"}}`, "slashgrade-"+runner)
	if err := engine.RemoveNetwork(context.WithoutCancel(t.Context()), runner); err != nil {
		t.Error(err)
	}
	for _, list := range []string{"nft list ruleset", "iptables-save", "ip6tables-save", "docker network ls"} {
		out, err := exec.Command("sh", "-c", list).Output()
		if err != nil || strings.Contains(string(out), bridge) || strings.Contains(string(out), "slashgrade-"+runner) {
			t.Errorf("%s has something left of %s (%s), %v", list, runner, bridge, err)
		}
	}
}

// TestNetworkWithoutRules is a runner that gives jobs no network, and one that cannot guard it.
func TestNetworkWithoutRules(t *testing.T) {
	engine := newEngine(t, dockerengine.PullPolicy{When: dockerengine.PullMissing})
	spec := specOf(mustHave(t, engine, testenv.Image), "ruleless")
	spec.Networking = true
	for mode, want := range map[dockerengine.NetworkMode]string{dockerengine.NetworkOff: "gives jobs no network", "lax": "none of"} {
		err := engine.PrepareNetwork(t.Context(), "ruleless", &dockerengine.NetworkOptions{Mode: mode})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("mode %s: got %v, want an error with %q", mode, err, want)
		}
		if _, err := engine.Start(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "gives jobs no network") {
			t.Errorf("mode %s: a container started with %v", mode, err)
		}
	}
	for tool, options := range map[string]*dockerengine.NetworkOptions{
		"no packet filter": {Mode: dockerengine.NetworkGuarded, Tool: "ipfw"},
		"no IPv4 address":  {Mode: dockerengine.NetworkGuarded, Resolvers: []netip.Addr{netip.MustParseAddr("fd00::1")}},
	} {
		if err := engine.PrepareNetwork(t.Context(), "ruleless", options); err == nil || !strings.Contains(err.Error(), tool) {
			t.Errorf("got %v, want an error with %q", err, tool)
		}
	}
	if left := docker(t, "network", "ls", "--quiet", "--filter", "label="+dockerengine.LabelRunner+"=ruleless"); left != "" {
		t.Errorf("networks are left: %s", left)
	}
}

// TestNetworkRenewed has the rules come back that somebody took away, before the next container is connected.
func TestNetworkRenewed(t *testing.T) {
	testenv.NeedsRoot(t, "nft")
	engine := newEngine(t, dockerengine.PullPolicy{When: dockerengine.PullMissing})
	options := &dockerengine.NetworkOptions{Mode: dockerengine.NetworkGuarded, Tool: "nft"}
	for range 2 { // as after a kill
		if err := engine.PrepareNetwork(t.Context(), "renewed", options); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { cleanNetwork(t, engine, "renewed") })
	bridge := docker(t, "network", "inspect", "--format", `{{index .Options "com.docker.network.bridge.name"}}`, "slashgrade-renewed")
	table := "slashgrade_" + strings.ReplaceAll(bridge, "-", "_")
	if out, err := exec.Command("nft", "delete", "table", "inet", table).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	spec := specOf(mustHave(t, engine, testenv.Image), "renewed")
	spec.Networking = true
	container, err := engine.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("nft", "list", "table", "inet", table).CombinedOutput(); err != nil {
		t.Errorf("the rules did not come back: %v: %s", err, out)
	}
	if err := container.Remove(t.Context()); err != nil {
		t.Error(err)
	}
}
