// Package firewall keeps jobs that have a network away from the machine that they run on and from private networks: it sets the kernel's
// packet filter for one bridge, by nft, else by iptables. It only ever drops what comes from that bridge, in tables and chains of its own;
// rules of others stay as they are and have their say after it.
package firewall

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// commandTimeout bounds one call of a tool, which may wait for another one's lock.
const commandTimeout = 20 * time.Second

// Rules are what packets from a bridge may do. Everything on IPv6 is dropped, and everything that is for this machine itself.
type Rules struct {
	// Interface is the bridge, by the name that the kernel has for it. It need not be there yet.
	Interface string
	// Resolvers are reachable on port 53, by UDP and TCP, wherever they are. IPv4 only.
	Resolvers []netip.Addr
	// Allowed are reachable although they are this machine's or private. IPv4 only.
	Allowed []netip.Prefix
}

// Validate refuses what cannot be written as rules.
func (r *Rules) Validate() error {
	for _, resolver := range r.Resolvers {
		if !resolver.Is4() {
			return fmt.Errorf("the resolver %s is no IPv4 address, and jobs have IPv4 alone", resolver)
		}
	}
	for _, allowed := range r.Allowed {
		if !allowed.IsValid() || !allowed.Addr().Is4() {
			return fmt.Errorf("the allowed network %s is not IPv4, and jobs have IPv4 alone", allowed)
		}
	}
	return nil
}

// Closed are the networks that no job reaches unless it is allowed: what is not the public Internet by IANA's registry of special
// addresses (RFC 6890), where clouds and campuses keep what trusts its neighbours. The documentation's networks are left out, since
// nobody is there.
func Closed() []string {
	return []string{
		"0.0.0.0/8",        // this host
		"10.0.0.0/8",       // private
		"100.64.0.0/10",    // carriers' own, also overlay networks such as Tailscale's, and a cloud's metadata (100.100.100.200)
		"127.0.0.0/8",      // loopback
		"169.254.0.0/16",   // link-local: the metadata and credentials of cloud machines
		"172.16.0.0/12",    // private, and other containers
		"192.0.0.0/24",     // protocol assignments, and a cloud's metadata (192.0.0.192)
		"192.168.0.0/16",   // private
		"198.18.0.0/15",    // benchmarks between devices
		"224.0.0.0/4",      // multicast
		"240.0.0.0/4",      // reserved, and broadcast
		"168.63.129.16/32", // a cloud's host agent, at a public address
	}
}

// Tool sets rules. Both methods may be repeated.
type Tool interface {
	// Name is the program's.
	Name() string
	// Apply makes the rules hold. What stood before for the same interface is replaced.
	Apply(ctx context.Context, rules *Rules) error
	// Remove takes the rules for an interface away.
	Remove(ctx context.Context, iface string) error
}

// tester is a Tool that knows whether it works here.
type tester interface {
	Tool
	works(ctx context.Context) error
}

func tools() []tester { return []tester{nft{}, iptables{}} }

// Find returns the tool of that name, or with "" the first that works here, nft before iptables. The error says why none does: programs
// that are missing, a right that is.
func Find(ctx context.Context, name string) (Tool, error) {
	var failed []error
	for _, tool := range tools() {
		if name != "" && name != tool.Name() {
			continue
		}
		err := tool.works(ctx)
		if err == nil {
			return tool, nil
		}
		failed = append(failed, err)
	}
	return nil, fmt.Errorf("no packet filter can be set: %w", errors.Join(failed...))
}

// Forget takes the rules for an interface away, whichever tool has set them. Where no tool works there are none.
func Forget(ctx context.Context, iface string) error {
	var failed []error
	for _, tool := range tools() {
		if tool.works(ctx) == nil {
			failed = append(failed, tool.Remove(ctx, iface))
		}
	}
	return errors.Join(failed...)
}

// run runs a program with a text as its stdin.
func run(ctx context.Context, stdin *string, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...) //nolint:gosec // nft or iptables, with arguments made here
	if stdin != nil {
		command.Stdin = strings.NewReader(*stdin)
	}
	out, err := command.CombinedOutput()
	if err != nil {
		const most = 500
		return fmt.Errorf("%s %q: %w: %.*s", program, args, err, most, out)
	}
	return nil
}

// texts are the values as the tools take them.
func texts[T fmt.Stringer](values []T) []string {
	var list []string
	for _, value := range values {
		list = append(list, value.String())
	}
	slices.Sort(list)
	return slices.Compact(list)
}
