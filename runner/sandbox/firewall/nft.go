package firewall

import (
	"context"
	"fmt"
	"strings"
)

// nft sets rules by nftables: a table of our own for each interface, replaced in one transaction. A drop in it is final, whatever the
// engine's own chains say after it; everything else they decide.
type nft struct{}

// Name implements [Tool].
func (nft) Name() string { return "nft" }

func (nft) works(ctx context.Context) error { return run(ctx, nil, "nft", "list", "tables") }

func tableOf(iface string) string { return "slashgrade_" + strings.ReplaceAll(iface, "-", "_") }

// Apply implements [Tool].
func (nft) Apply(ctx context.Context, rules *Rules) error {
	if err := rules.Validate(); err != nil {
		return err
	}
	text := nftScript(rules)
	return run(ctx, &text, "nft", "-f", "-")
}

// nftScript is a transaction that replaces the table. Priority -10 is before the engine's chains, which are at 0.
func nftScript(rules *Rules) string {
	var open strings.Builder
	if resolvers := texts(rules.Resolvers); len(resolvers) > 0 {
		set := strings.Join(resolvers, ", ")
		fmt.Fprintf(&open, "\t\tip daddr { %s } udp dport 53 accept\n\t\tip daddr { %s } tcp dport 53 accept\n", set, set)
	}
	for _, allowed := range texts(rules.Allowed) {
		fmt.Fprintf(&open, "\t\tip daddr %s accept\n", allowed)
	}
	table := tableOf(rules.Interface)
	return fmt.Sprintf(`add table inet %[1]s
delete table inet %[1]s
table inet %[1]s {
	chain forward {
		type filter hook forward priority -10; policy accept;
		iifname != "%[2]s" accept
		meta nfproto ipv6 drop
%[3]s		ip daddr { %[4]s } drop
	}
	chain input {
		type filter hook input priority -10; policy accept;
		iifname != "%[2]s" accept
		meta nfproto ipv6 drop
%[3]s		drop
	}
}
`, table, rules.Interface, open.String(), strings.Join(Closed(), ", "))
}

// Remove implements [Tool].
func (nft) Remove(ctx context.Context, iface string) error {
	text := fmt.Sprintf("add table inet %[1]s\ndelete table inet %[1]s\n", tableOf(iface))
	return run(ctx, &text, "nft", "-f", "-")
}
