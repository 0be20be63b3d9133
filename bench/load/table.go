package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/slashgrade/slashgrade/bench/spread"
)

// table is one scenario's result.
type table struct {
	title string
	head  []string
	rows  [][]string
	notes []string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }
func (t *table) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// write prints the table as Markdown.
func (t *table) write(w io.Writer, machine string) error {
	out := bufio.NewWriter(w)
	line := func(cells []string) { _, _ = fmt.Fprintln(out, "| "+strings.Join(cells, " | ")+" |") }
	_, _ = fmt.Fprintf(out, "### %s\n\n%s\n\n", t.title, machine)
	line(t.head)
	line(slices.Repeat([]string{"---"}, len(t.head)))
	for _, row := range t.rows {
		line(row)
	}
	for _, note := range t.notes {
		_, _ = fmt.Fprintln(out, "\n"+note)
	}
	return out.Flush()
}

// durations are measurements.
type durations []time.Duration

func (d durations) at(share float64) time.Duration { return spread.At(d, share) }

func (d durations) cells() []string {
	return []string{fmt.Sprint(len(d)), ms(d.at(0)), ms(d.at(0.5)), ms(d.at(0.95)), ms(d.at(0.99)), ms(d.at(1))}
}

func ms(d time.Duration) string {
	return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000)
}

// ratio is how often the second goes into the first.
func ratio(a, b time.Duration) string {
	if b <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}

// machine describes where this ran.
func machine() string {
	engine, _ := exec.Command("docker", "version", "--format", "Docker {{.Server.Version}}").Output() //nolint:noctx // a line of the heading
	return fmt.Sprintf("%d processors (%s), %s, kernel %s, %s, %s, load before the run %s",
		runtime.NumCPU(), field("/proc/cpuinfo", "model name"), memory(), strings.TrimSpace(read("/proc/sys/kernel/osrelease")),
		cmp.Or(strings.TrimSpace(string(engine)), "no docker client"), runtime.Version(), firstWord(read("/proc/loadavg")))
}

func read(name string) string {
	text, _ := os.ReadFile(name) //nolint:gosec // the kernel's own
	return string(text)
}

func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return word
}

// field is the value after the first key of a file such as /proc/cpuinfo.
func field(name, key string) string {
	for line := range strings.Lines(read(name)) {
		if before, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(before) == key {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func memory() string {
	var kib int64
	_, _ = fmt.Sscan(field("/proc/meminfo", "MemTotal"), &kib)
	return fmt.Sprintf("%.1f GiB", float64(kib)/(1<<20))
}
