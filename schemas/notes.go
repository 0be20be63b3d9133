package schemas

import "fmt"

// notes collects warnings up to MaxShown and counts the rest: 100,000 wrong tests make 100,000 of them.
type notes struct {
	shown []string
	total int
	seen  map[string]bool
}

func (n *notes) addf(format string, args ...any) {
	n.total++
	if len(n.shown) < MaxShown {
		n.shown = append(n.shown, fmt.Sprintf(format, args...))
	}
}

// once adds the warning unless one of this kind was added.
func (n *notes) once(kind, format string, args ...any) {
	if n.seen[kind] {
		return
	}
	if n.seen == nil {
		n.seen = make(map[string]bool)
	}
	n.seen[kind] = true
	n.addf(format, args...)
}

func (n *notes) list() []string {
	if more := n.total - len(n.shown); more > 0 {
		return append(n.shown, fmt.Sprintf("and %d more warnings", more))
	}
	return n.shown
}
