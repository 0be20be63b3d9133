package dockerengine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/firewall"
)

// NetworkMode says what jobs that ask for a network get.
type NetworkMode string

// The network modes.
const (
	// NetworkGuarded is a bridge of the runner's own, from which neither the host nor private networks are reached.
	NetworkGuarded NetworkMode = "guarded"
	// NetworkOpen is the engine's default bridge, from which everything is reached that the host reaches.
	NetworkOpen NetworkMode = "open"
	// NetworkOff gives them none.
	NetworkOff NetworkMode = "off"
)

// NetworkOptions are what the network of jobs may be told.
type NetworkOptions struct {
	Mode NetworkMode
	// Allow are networks that jobs reach although they are private or the host's.
	Allow []netip.Prefix
	// Resolvers are what jobs resolve names with, on port 53; nil is the host's own.
	Resolvers []netip.Addr
	// Tool sets the rules: nft or iptables; "" is the first of them that works.
	Tool string
}

// errNoNetwork says that the runner gave no network, or that it could not be guarded.
var errNoNetwork = errors.New("this runner gives jobs no network")

// jobNetwork is what a container with networking is connected to. Its zero value refuses.
type jobNetwork struct {
	mu    sync.Mutex
	name  string // of the engine; "" refuses
	tool  firewall.Tool
	rules *firewall.Rules // nil with an open network
}

// PrepareNetwork makes the network of the runner's jobs ready, and returns why they cannot have one. What an earlier call made for the
// runner is used again. Without a call, containers with networking are refused.
func (e *Engine) PrepareNetwork(ctx context.Context, runner string, opts *NetworkOptions) error {
	switch opts.Mode {
	case NetworkOpen:
		e.network.set("bridge", nil, nil)
		return firewall.Forget(ctx, bridgeName(runner))
	case NetworkOff:
		e.network.set("", nil, nil)
		return errors.Join(errNoNetwork, firewall.Forget(ctx, bridgeName(runner)))
	case NetworkGuarded:
		return e.guardNetwork(ctx, runner, opts)
	default:
		return fmt.Errorf("the network mode %q is none of %s, %s and %s", opts.Mode, NetworkGuarded, NetworkOpen, NetworkOff)
	}
}

// guardNetwork sets the rules before the bridge is there, so that no packet comes before them.
func (e *Engine) guardNetwork(ctx context.Context, runner string, opts *NetworkOptions) error {
	tool, err := firewall.Find(ctx, opts.Tool)
	if err != nil {
		return err
	}
	rules := &firewall.Rules{Interface: bridgeName(runner), Resolvers: opts.Resolvers, Allowed: opts.Allow}
	if rules.Resolvers == nil {
		if rules.Resolvers, err = hostResolvers(os.ReadFile); err != nil {
			return err
		}
	}
	if err := tool.Apply(ctx, rules); err != nil {
		return fmt.Errorf("set the rules of the jobs' network: %w", err)
	}
	name := "slashgrade-" + runner
	err = e.createNetwork(ctx, name, runner, rules.Interface)
	if err == nil {
		err = isLocal(rules.Interface)
	}
	if err != nil {
		return errors.Join(err, e.removeNetworks(ctx, runner), tool.Remove(ctx, rules.Interface))
	}
	e.network.set(name, tool, rules)
	return nil
}

// bridgeName is at most 15 bytes long, which is what the kernel takes.
func bridgeName(runner string) string {
	sum := sha256.Sum256([]byte(runner))
	return "sg-" + hex.EncodeToString(sum[:6])
}

// createNetwork makes the bridge unless it is there. Containers on it do not reach each other, and there is no IPv6.
func (e *Engine) createNetwork(ctx context.Context, name, runner, bridge string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := e.api.NetworkInspect(ctx, name, network.InspectOptions{})
	if err == nil && found.Labels[LabelRunner] == runner && found.Options["com.docker.network.bridge.name"] == bridge {
		return nil
	}
	if err == nil {
		return fmt.Errorf("there is a network %s that this runner did not make; remove it with docker network rm", name)
	}
	if !errdefs.IsNotFound(err) {
		return fmt.Errorf("look for network %s: %w", name, err)
	}
	ip6 := false
	if _, err := e.api.NetworkCreate(ctx, name, network.CreateOptions{
		Driver: "bridge", EnableIPv6: &ip6, Labels: map[string]string{LabelRunner: runner},
		Options: map[string]string{"com.docker.network.bridge.name": bridge, "com.docker.network.bridge.enable_icc": "false"},
	}); err != nil {
		return fmt.Errorf("create network %s: %w", name, err)
	}
	return nil
}

// isLocal says whether the engine's bridge is an interface of this machine, as this process sees it: rules hold nowhere else.
func isLocal(bridge string) error {
	if _, err := net.InterfaceByName(bridge); err != nil {
		return fmt.Errorf("the engine's bridge %s is not seen from here: the engine is on another machine, rootless, "+
			"or slashgrade has a network of its own", bridge)
	}
	return nil
}

// removeNetworks removes the runner's networks that no container uses.
func (e *Engine) removeNetworks(ctx context.Context, runner string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := e.api.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("label", LabelRunner+"="+runner))})
	if err != nil {
		return fmt.Errorf("list the runner's networks: %w", err)
	}
	var failed error
	for i := range list {
		if err := e.api.NetworkRemove(ctx, list[i].ID); err != nil && !errdefs.IsNotFound(err) {
			failed = errors.Join(failed, fmt.Errorf("remove network %s: %w", list[i].Name, err))
		}
	}
	return failed
}

// RemoveNetwork takes away what PrepareNetwork made: the bridge, and then its rules. While containers use it both stay.
func (e *Engine) RemoveNetwork(ctx context.Context, runner string) error {
	e.network.set("", nil, nil)
	if err := e.removeNetworks(ctx, runner); err != nil {
		return err
	}
	return firewall.Forget(ctx, bridgeName(runner))
}

// RenewNetwork sets the rules again, which somebody may have flushed.
func (e *Engine) RenewNetwork(ctx context.Context) error {
	tool, rules := e.network.guard()
	if rules == nil {
		return nil
	}
	if err := tool.Apply(ctx, rules); err != nil {
		return fmt.Errorf("set the rules of the jobs' network: %w", err)
	}
	return nil
}

func (n *jobNetwork) set(name string, tool firewall.Tool, rules *firewall.Rules) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.name, n.tool, n.rules = name, tool, rules
}

func (n *jobNetwork) guard() (firewall.Tool, *firewall.Rules) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.tool, n.rules
}

// connection is what a container is connected to: the engine's name of a network, and its resolvers.
type connection struct {
	network   string
	resolvers []string
}

// connect makes sure that the rules hold before a container is connected.
func (e *Engine) connect(ctx context.Context, spec *sandbox.Spec) (*connection, error) {
	if !spec.Networking {
		return &connection{network: "none"}, nil
	}
	if err := e.RenewNetwork(ctx); err != nil {
		return nil, err
	}
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	if e.network.name == "" {
		return nil, errNoNetwork
	}
	to := &connection{network: e.network.name}
	if e.network.rules != nil {
		for _, resolver := range e.network.rules.Resolvers {
			to.resolvers = append(to.resolvers, resolver.String())
		}
	}
	return to, nil
}

// hostResolvers are the host's nameservers as a container can reach them: not those on the loopback, in whose place systemd keeps the real
// ones in a file of its own.
func hostResolvers(readFile func(string) ([]byte, error)) ([]netip.Addr, error) {
	for _, file := range []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"} {
		text, err := readFile(file)
		if err != nil {
			continue
		}
		var list []netip.Addr
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) < 2 || fields[0] != "nameserver" {
				continue
			}
			if address, err := netip.ParseAddr(fields[1]); err == nil && address.Is4() && !address.IsLoopback() {
				list = append(list, address)
			}
		}
		if len(list) > 0 {
			return list, nil
		}
	}
	return nil, errors.New("the host has no IPv4 nameserver but on its loopback, which jobs cannot reach; name one in network.resolvers")
}
