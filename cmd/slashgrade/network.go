package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"

	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
)

// options reads the keys of the network section.
func (c *NetworkConfig) options() (*dockerengine.NetworkOptions, error) {
	opts := &dockerengine.NetworkOptions{Mode: dockerengine.NetworkMode(c.Mode)}
	var wrong []error
	switch opts.Mode {
	case dockerengine.NetworkGuarded, dockerengine.NetworkOpen, dockerengine.NetworkOff:
	default:
		wrong = append(wrong, fmt.Errorf("network.mode: it must be guarded, open or off, found %q", c.Mode))
	}
	for text := range words(c.Allow) {
		allowed, err := parseNetwork(text)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("network.allow: it must be IPv4 networks such as 10.1.2.0/24 and addresses, found %q", text))
		}
		opts.Allow = append(opts.Allow, allowed)
	}
	for text := range words(c.Resolvers) {
		resolver, err := netip.ParseAddr(text)
		if err != nil || !resolver.Is4() || resolver.IsLoopback() {
			wrong = append(wrong, fmt.Errorf("network.resolvers: it must be IPv4 addresses that are not the loopback's, found %q", text))
		}
		opts.Resolvers = append(opts.Resolvers, resolver)
	}
	return opts, errors.Join(wrong...)
}

// words are the parts between commas.
func words(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for word := range strings.SplitSeq(text, ",") {
			if word = strings.TrimSpace(word); word != "" && !yield(word) {
				return
			}
		}
	}
}

func parseNetwork(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		text += "/32"
	}
	network, err := netip.ParsePrefix(text)
	if err == nil && (!network.Addr().Is4() || network != network.Masked()) {
		err = errors.New("bits beyond the mask, or no IPv4")
	}
	return network, err
}

// jobNetwork is made ready once: when `serve` starts, else for the first job that asks for it. One that failed is tried again.
type jobNetwork struct {
	engine *dockerengine.Engine
	runner string
	opts   *dockerengine.NetworkOptions
	log    *slog.Logger

	mu    sync.Mutex
	ready bool
}

func (n *jobNetwork) prepare(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ready {
		return nil
	}
	err := n.engine.PrepareNetwork(ctx, n.runner, n.opts)
	n.ready = err == nil
	return err
}

// announce makes it ready and tells the operator what jobs do not get.
func (n *jobNetwork) announce(ctx context.Context) {
	if err := n.prepare(ctx); err != nil && n.opts.Mode != dockerengine.NetworkOff {
		n.log.WarnContext(ctx, "jobs that ask for a network are refused: it cannot be guarded", "err", err)
	}
	if n.opts.Mode == dockerengine.NetworkOpen {
		n.log.WarnContext(ctx, "jobs that ask for a network reach whatever this host reaches: network.mode is open")
	}
}

// remove takes it away. What it cannot remove, the next start does.
func (n *jobNetwork) remove(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.ready {
		return nil
	}
	return n.engine.RemoveNetwork(ctx, n.runner)
}
