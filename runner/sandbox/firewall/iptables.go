package firewall

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// iptables sets rules by iptables and ip6tables: two chains of our own for each interface, and one jump to each. The jump from forwarding
// stands in Docker's chain for others' rules, which Docker keeps first.
type iptables struct{}

// dockerUser is that chain.
const dockerUser = "DOCKER-USER"

// Name implements [Tool].
func (iptables) Name() string { return "iptables" }

func (iptables) works(ctx context.Context) error {
	return errors.Join(
		run(ctx, nil, "iptables", "-w", "-n", "-L", "INPUT"),
		run(ctx, nil, "ip6tables", "-w", "-n", "-L", "INPUT"),
	)
}

func forwardChain(iface string) string { return "SG-F-" + iface }

func inputChain(iface string) string { return "SG-I-" + iface }

// Apply implements [Tool]. The chains are replaced at once, before anything jumps to them for the first time.
func (i iptables) Apply(ctx context.Context, rules *Rules) error {
	if err := rules.Validate(); err != nil {
		return err
	}
	ip4, ip6 := ip4Chains(rules), ip6Chains(rules)
	return errors.Join(
		i.install(ctx, rules.Interface, "iptables", ip4),
		i.install(ctx, rules.Interface, "ip6tables", ip6),
	)
}

func (i iptables) install(ctx context.Context, iface, program, chains string) error {
	if err := run(ctx, &chains, program+"-restore", "--noflush", "-w"); err != nil {
		return err
	}
	for _, jump := range i.jumps(ctx, program, iface) {
		if run(ctx, nil, program, append([]string{"-w", "-C"}, jump...)...) == nil {
			continue
		}
		if err := run(ctx, nil, program, append([]string{"-w", "-I"}, jump...)...); err != nil {
			return err
		}
	}
	return nil
}

// jumps are the two rules in chains that are not ours.
func (iptables) jumps(ctx context.Context, program, iface string) [][]string {
	from := "FORWARD"
	if run(ctx, nil, program, "-w", "-n", "-L", dockerUser) == nil {
		from = dockerUser
	}
	return [][]string{
		{from, "-i", iface, "-j", forwardChain(iface)},
		{"INPUT", "-i", iface, "-j", inputChain(iface)},
	}
}

func ip4Chains(rules *Rules) string {
	forward, input := forwardChain(rules.Interface), inputChain(rules.Interface)
	var text strings.Builder
	fmt.Fprintf(&text, "*filter\n:%s - [0:0]\n:%s - [0:0]\n", forward, input)
	for _, chain := range []string{forward, input} {
		for _, resolver := range texts(rules.Resolvers) {
			for _, protocol := range []string{"udp", "tcp"} {
				fmt.Fprintf(&text, "-A %s -d %s -p %s --dport 53 -j RETURN\n", chain, resolver, protocol)
			}
		}
		for _, allowed := range texts(rules.Allowed) {
			fmt.Fprintf(&text, "-A %s -d %s -j RETURN\n", chain, allowed)
		}
	}
	for _, closed := range Closed() {
		fmt.Fprintf(&text, "-A %s -d %s -j DROP\n", forward, closed)
	}
	fmt.Fprintf(&text, "-A %s -j DROP\nCOMMIT\n", input)
	return text.String()
}

func ip6Chains(rules *Rules) string {
	forward, input := forwardChain(rules.Interface), inputChain(rules.Interface)
	return fmt.Sprintf("*filter\n:%[1]s - [0:0]\n:%[2]s - [0:0]\n-A %[1]s -j DROP\n-A %[2]s -j DROP\nCOMMIT\n", forward, input)
}

// Remove implements [Tool].
func (i iptables) Remove(ctx context.Context, iface string) error {
	var failed []error
	for _, program := range []string{"iptables", "ip6tables"} {
		for _, from := range []string{dockerUser, "FORWARD"} {
			for run(ctx, nil, program, "-w", "-D", from, "-i", iface, "-j", forwardChain(iface)) == nil {
				continue // as often as it is there
			}
		}
		for run(ctx, nil, program, "-w", "-D", "INPUT", "-i", iface, "-j", inputChain(iface)) == nil {
			continue
		}
		for _, chain := range []string{forwardChain(iface), inputChain(iface)} {
			if run(ctx, nil, program, "-w", "-n", "-L", chain) != nil {
				continue // it is not there
			}
			failed = append(failed, run(ctx, nil, program, "-w", "-F", chain), run(ctx, nil, program, "-w", "-X", chain))
		}
	}
	return errors.Join(failed...)
}
