package spread_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/bench/spread"
)

func TestAt(t *testing.T) {
	values := []int{5, 3, 1, 4, 2, 10, 9, 8, 7, 6}
	for share, want := range map[float64]int{0: 1, 0.5: 6, 0.95: 10, 1: 10} {
		if got := spread.At(values, share); got != want {
			t.Errorf("at %v is %d, want %d", share, got, want)
		}
	}
	if values[0] != 5 {
		t.Error("the measurements were put in order where they are")
	}
	if got := spread.At([]int(nil), 0.5); got != 0 {
		t.Errorf("of nothing the median is %d", got)
	}
}

func TestTable(t *testing.T) {
	ours, theirs := []time.Duration{10 * time.Millisecond, 30 * time.Millisecond}, []time.Duration{20 * time.Millisecond, 40 * time.Millisecond}
	var out strings.Builder
	table := spread.NewTable(&out, "ms")
	table.Row("ours", spread.Milliseconds(ours), "%.0f")
	table.Row("ratio", spread.Ratios(ours, theirs), "%.2f")
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	const want = `
     ms   min  median   p95   max
   ours    10      30    30    30
  ratio  0.50    0.75  0.75  0.75
`
	if diff := cmp.Diff(want[1:], out.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}
