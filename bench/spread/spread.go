// Package spread shows how measurements spread: as a median alone a figure hides what one in twenty people wait.
package spread

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// At is the measurement below which the share of all lies, by the nearest rank: 0 is the least, 0.5 the median, 1 the largest. It is zero
// without measurements, which need no order.
func At[T cmp.Ordered](values []T, share float64) T {
	if len(values) == 0 {
		var none T
		return none
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

// Milliseconds are the durations as numbers.
func Milliseconds(list []time.Duration) []float64 {
	out := make([]float64, len(list))
	for i, d := range list {
		out[i] = float64(d.Microseconds()) / 1000
	}
	return out
}

// Ratios are those of pairs that were measured one after the other, which the machine's drift leaves alone. Both lists have one length.
func Ratios(ours, theirs []time.Duration) []float64 {
	out := make([]float64, len(ours))
	for i := range ours {
		out[i] = float64(ours[i]) / float64(theirs[i])
	}
	return out
}

// Table shows a row of least, median, p95 and largest for each list of measurements.
type Table struct{ out *tabwriter.Writer }

// NewTable begins a table in the unit.
func NewTable(w io.Writer, unit string) *Table {
	t := &Table{out: tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)}
	_, _ = fmt.Fprintln(t.out, unit+"\tmin\tmedian\tp95\tmax\t") // Close tells of an error
	return t
}

// Row adds the measurements under a name, each written by the format, for example "%.1f".
func (t *Table) Row(name string, values []float64, format string) {
	_, _ = fmt.Fprint(t.out, name)
	for _, share := range []float64{0, 0.5, 0.95, 1} {
		_, _ = fmt.Fprintf(t.out, "\t"+format, At(values, share))
	}
	_, _ = fmt.Fprintln(t.out, "\t")
}

// Close writes the table.
func (t *Table) Close() error { return t.out.Flush() }
