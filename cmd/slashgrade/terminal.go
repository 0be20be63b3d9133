package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/lipgloss/table"
	wrapping "github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"
	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/desk/ansi"
	"github.com/slashgrade/slashgrade/jobspec"
	"golang.org/x/term"
)

// terminal writes for people. Results go to stdout, everything else to stderr with the program's name before it. Colour and progress
// are for terminals only; NO_COLOR turns the colour off.
type terminal struct {
	stdout, stderr io.Writer
	colours        *lipgloss.Renderer
	width          int // in characters; 0 where stdout is no terminal
}

func newTerminal(stdout, stderr io.Writer) *terminal {
	colours := lipgloss.NewRenderer(stdout)
	if !isTerminal(stdout) || os.Getenv("NO_COLOR") != "" {
		colours.SetColorProfile(termenv.Ascii)
	}
	return &terminal{stdout: stdout, stderr: stderr, colours: colours, width: widthOf(stdout)}
}

// widthOf is a terminal's width, 0 for anything else.
func widthOf(w io.Writer) int {
	file, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

func (t *terminal) warn(text string) {
	_, _ = fmt.Fprintf(t.stderr, "slashgrade: warning: %s\n", ansi.Plain(text))
}

func (t *terminal) colour(number, text string) string {
	return t.colours.NewStyle().Foreground(lipgloss.Color(number)).Render(text)
}

// The colours of outcomes, by number of the 16 that every terminal has.
const (
	green  = "2"
	red    = "1"
	yellow = "3"
	grey   = "8"
)

// progress counts reports on one line of stderr, on a terminal only.
type progress struct {
	mu        sync.Mutex
	w         io.Writer // nil shows nothing
	done, all int
}

func (t *terminal) progress(all int) *progress {
	p := &progress{all: all}
	if isTerminal(t.stderr) {
		p.w = t.stderr
	}
	p.show()
	return p
}

func (p *progress) one() {
	p.mu.Lock()
	p.done++
	p.mu.Unlock()
	p.show()
}

func (p *progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w != nil {
		_, _ = fmt.Fprintf(p.w, "\rgrading: %d of %d ", p.done, p.all)
	}
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w != nil {
		_, _ = fmt.Fprint(p.w, "\r\033[K")
	}
}

// report shows one report as a student would see it, what staff should mend, and the timestamps.
func (t *terminal) report(s *submitted) {
	t.student(s)
	t.warnings(s.report)
	t.line("")
	for _, stamp := range stampsOf(&s.report.Timestamps) {
		t.line("  %-22s %s", stamp.name, stamp.text())
	}
}

// student shows a report as its student would see it.
func (t *terminal) student(s *submitted) {
	r := desk.ReadResults(s.report)
	t.line("%s  %s%s", oneLine(s.name), t.headline(s.report, r), pointsOf(s.report, r))
	if !s.report.Succeeded {
		t.indented("", s.report.Message)
	}
	for _, message := range r.FormatErrors {
		t.indented(t.colour(red, "Error: "), message)
	}
	t.indented("", r.Message)
	if len(r.Tests) > 0 && !r.PointsShown() {
		t.indented(t.colour(yellow, "! "), "a test has no points, so no points are shown")
	}
	for i := range r.Tests {
		t.test(&r.Tests[i], r.PointsShown())
	}
	if strings.TrimSpace(r.Output) != "" {
		t.line("  output")
		t.indented(t.colour(grey, "│ "), r.Output)
	}
}

// warnings are what staff should mend; the student does not see them.
func (t *terminal) warnings(report *jobspec.Report) {
	for _, warning := range report.Warnings {
		t.hanging("  "+t.colour(yellow, "for staff: "), ansi.Plain(warning))
	}
}

// pointsOf are the points of all tests, where a student is shown them.
func pointsOf(report *jobspec.Report, r *desk.Results) string {
	if !report.Succeeded || len(r.Tests) == 0 || !r.PointsShown() || r.Ungradable() {
		return ""
	}
	points, most := r.Points()
	return fmt.Sprintf("  %s of %s points", desk.Number(points), desk.Number(most))
}

func (t *terminal) headline(report *jobspec.Report, r *desk.Results) string {
	switch {
	case !report.Succeeded:
		return t.colour(red, "no grade: "+string(report.Outcome))
	case r.Gradable != nil && !*r.Gradable:
		return t.colour(yellow, "not gradable")
	case r.Score >= 1:
		return t.colour(green, "score "+percent(r.Score))
	default:
		return t.colour(yellow, "score "+percent(r.Score))
	}
}

func percent(score float64) string {
	return strconv.FormatFloat(float64(int(score*10000+0.5))/100, 'f', -1, 64) + "%"
}

func (t *terminal) test(test *desk.Test, points bool) { //nolint:revive // a report shows points for all tests or for none
	marks := map[desk.Mark]string{
		desk.Passed: t.colour(green, "✓"), desk.Failed: t.colour(red, "✗"), desk.Unmarked: t.colour(grey, "·"),
	}
	mark, shown := marks[desk.Unmarked], ""
	if points {
		mark, shown = marks[test.Mark()], fmt.Sprintf("  %s/%s", desk.Number(*test.Points), desk.Number(*test.MaxPoints))
	}
	t.hanging("  "+mark+" ", oneLine(test.Name)+shown)
	t.indented("    ", test.Description)
	t.indented("    ", test.Message)
	t.indented(t.colour(grey, "  │ "), test.Output)
}

// indented writes text line by line behind the prefix, with its own colours where there is colour. On a terminal, lines that are too
// long are broken, between words where that is possible.
func (t *terminal) indented(prefix, text string) {
	text = strings.TrimRight(text, "\r\n ")
	if text == "" {
		return
	}
	shown := ansi.Plain
	if t.colours.ColorProfile() != termenv.Ascii {
		shown = ansi.Coloured
	}
	if room := t.width - lipgloss.Width("  "+prefix); t.width > 0 && room > 0 {
		text = wrapping.Wrap(text, room, "")
	}
	for line := range strings.SplitSeq(shown(text), "\n") {
		t.line("  %s%s", prefix, line)
	}
}

// hanging writes text behind the prefix; on a terminal, lines that are too long are broken and go on below the text's own beginning.
func (t *terminal) hanging(prefix, text string) {
	indent := lipgloss.Width(prefix)
	if room := t.width - indent; t.width > 0 && room > 0 {
		text = wrapping.Wrap(text, room, "")
	}
	t.line("%s%s", prefix, strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", indent)))
}

func (t *terminal) line(format string, args ...any) {
	_, _ = fmt.Fprintf(t.stdout, format+"\n", args...)
}

// table shows all jobs, one a row.
func (t *terminal) table(jobs []*submitted) {
	headers := []string{"submission", "result", "message"}
	for _, stamp := range stampsOf(&jobspec.Timestamps{}) {
		headers = append(headers, stamp.short)
	}
	rows := table.New().Border(lipgloss.NormalBorder()).BorderRow(false).Headers(headers...).Wrap(false).
		StyleFunc(func(int, int) lipgloss.Style { return t.colours.NewStyle().Padding(0, 1) })
	for _, s := range jobs {
		r := desk.ReadResults(s.report)
		row := []string{s.name, t.headline(s.report, r), shorten(firstMessage(s.report, r))}
		for _, stamp := range stampsOf(&s.report.Timestamps) {
			row = append(row, stamp.clock())
		}
		rows.Row(row...)
	}
	t.line("%s", rows.Render())
	t.line("times are UTC; from left to right the phases are submit, queue, prepare, run, report")
}

// firstMessage is the most telling line of a report for its row.
func firstMessage(report *jobspec.Report, r *desk.Results) string {
	if !report.Succeeded {
		return report.Message
	}
	if len(r.FormatErrors) > 0 {
		return r.FormatErrors[0]
	}
	if r.Message != "" {
		return r.Message
	}
	for _, test := range r.Tests {
		if test.Points != nil && test.MaxPoints != nil && *test.Points < *test.MaxPoints {
			return strings.TrimSuffix(test.Name+": "+strings.TrimSpace(test.Message), ": ")
		}
	}
	return ""
}

// maxCell is how wide a cell of a table may be where no terminal is narrower.
const maxCell = 56

// shorten keeps a cell on one line.
func shorten(text string) string { return shortenTo(text, maxCell) }

// shortenTo keeps a cell on one line of at most so many columns.
func shortenTo(text string, most int) string {
	line, _, _ := strings.Cut(strings.TrimSpace(ansi.Plain(text)), "\n")
	return wrapping.Truncate(line, most, "…")
}

// shownStamp is one of the six timestamps with its names.
type shownStamp struct {
	name, short string
	at          time.Time
}

func stampsOf(t *jobspec.Timestamps) []shownStamp {
	return []shownStamp{
		{"grading_requested_at", "requested", t.RequestedAt},
		{"grading_submitted_at", "submitted", t.SubmittedAt},
		{"grading_received_at", "received", t.ReceivedAt},
		{"grading_started_at", "started", t.StartedAt},
		{"grading_finished_at", "finished", t.FinishedAt},
		{"graded_at", "graded", t.GradedAt},
	}
}

func (s shownStamp) text() string {
	if s.at.IsZero() {
		return "not given"
	}
	return jobspec.FormatTime(s.at)
}

func (s shownStamp) clock() string {
	if s.at.IsZero() {
		return "–"
	}
	return s.at.UTC().Format("15:04:05.000")
}

// json prints one job's report on one line, with the name under which it was enqueued.
func (t *terminal) json(s *submitted) error {
	return json.NewEncoder(t.stdout).Encode(struct {
		Submission string          `json:"submission"`
		Report     *jobspec.Report `json:"report"`
	}{s.name, s.report})
}
