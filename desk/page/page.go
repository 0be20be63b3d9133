// Package page writes a report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere.
//
// Everything on it that a grader or a student wrote is text, as PrairieLearn shows it: colours of the terminal are kept, HTML is not let
// through. The page's own policy forbids scripts and requests besides.
package page

import (
	"bufio"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	terminal "github.com/buildkite/terminal-to-html/v3"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/desk/ansi"
	"github.com/slashgrade/slashgrade/jobspec"
)

//go:embed page.html page.css
var files embed.FS

// Report is what a page shows.
type Report struct {
	// Name is the question's.
	Name   string
	Report *jobspec.Report
	// Log is the job's log, one JSON object a line, as runner.OutputLog has it.
	Log io.Reader
	// Written is when the page was made.
	Written time.Time
}

// view is the report as the template takes it.
type view struct {
	*jobspec.Report
	Name, Written    string
	Style            template.CSS
	Verdict, Class   string
	Summary          string
	Results          *desk.Results
	PointsShown      bool
	Phases           []phase
	Log              template.HTML
	LogLines         int
	Ending, Duration string
}

// phase is a bar of the timeline: its place and length in percent of the whole.
type phase struct {
	Name, Took  string
	From, Width float64
}

// Write writes the page.
func Write(w io.Writer, report *Report) error {
	style, err := files.ReadFile("page.css")
	if err != nil {
		return fmt.Errorf("read the page's style: %w", err)
	}
	page, err := template.New("page.html").Funcs(template.FuncMap{
		"terminal": coloured, "picture": picture, "number": desk.Number, "tests": testsView,
	}).ParseFS(files, "page.html")
	if err != nil {
		return fmt.Errorf("read the page's template: %w", err)
	}
	v := newView(report)
	v.Style = template.CSS(string(style) + palette()) //nolint:gosec // it is our own
	if err := page.Execute(w, v); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

func newView(report *Report) *view {
	results := desk.ReadResults(report.Report)
	v := &view{
		Report: report.Report, Name: report.Name, Written: report.Written.Format("2006-01-02 15:04:05 MST"),
		Results: results, PointsShown: results.PointsShown(), Phases: phases(&report.Report.Timestamps),
	}
	v.Verdict, v.Class = verdict(report.Report, results)
	if points, most := results.Points(); report.Report.Succeeded && len(results.Tests) > 0 && v.PointsShown && !results.Ungradable() {
		v.Summary = desk.Number(points) + " of " + desk.Number(most) + " points"
	}
	if exit := report.Report.Exit; exit != nil {
		v.Ending = strings.TrimSpace(fmt.Sprintf("exit status %d %s", exit.Status, exit.Signal))
	}
	v.Log, v.LogLines = logText(report.Log)
	return v
}

func verdict(report *jobspec.Report, results *desk.Results) (text, class string) {
	switch {
	case !report.Succeeded:
		return "no grade", "bad"
	case results.Ungradable():
		return "not gradable", "some"
	case results.Score >= 1:
		return desk.Number(results.Score*100) + " %", "good"
	default:
		return desk.Number(results.Score*100) + " %", "some"
	}
}

// phases lays the spans out beside each other.
func phases(times *jobspec.Timestamps) []phase {
	spans := times.Spans()
	var whole, before time.Duration
	for _, span := range spans {
		whole += span.Took
	}
	var bars []phase
	for _, span := range spans {
		share := func(d time.Duration) float64 { return 100 * float64(d) / float64(max(whole, 1)) }
		bars = append(bars, phase{Name: span.Name, Took: fmt.Sprintf("%d ms", span.Took.Milliseconds()), From: share(before), Width: share(span.Took)})
		before += span.Took
	}
	return bars
}

// test is one test with its mark, as the template takes it.
type test struct {
	*desk.Test
	Class, Sign, Points string
}

func testsView(results *desk.Results) []test {
	signs := map[desk.Mark]string{desk.Passed: "✓", desk.Failed: "✗", desk.Unmarked: "·"}
	var list []test
	for i := range results.Tests {
		one := test{Test: &results.Tests[i], Class: string(desk.Unmarked), Sign: signs[desk.Unmarked]}
		if results.PointsShown() {
			mark := one.Mark()
			one.Class, one.Sign = string(mark), signs[mark]
			one.Points = desk.Number(*one.Test.Points) + "/" + desk.Number(*one.MaxPoints)
		}
		list = append(list, one)
	}
	return list
}

// coloured is text with the terminal's colours as HTML. What is no colour was made visible before, so nothing but text and colours reaches
// the renderer, which escapes the text.
func coloured(text string) template.HTML {
	text = strings.TrimRight(text, "\n ")
	if text == "" {
		return ""
	}
	return template.HTML(terminal.Render([]byte(ansi.Indexed(text)))) //nolint:gosec // see above
}

// palette is the style of the colours by numbers, under the renderer's names; the first 16 have their names in page.css.
func palette() string {
	var rules strings.Builder
	for number := range 256 {
		if red, green, blue, ok := ansi.RGB(number); ok {
			fmt.Fprintf(&rules, ".term-fgx%[1]d{color:#%02[2]x%02[3]x%02[4]x}.term-bgx%[1]d{background:#%02[2]x%02[3]x%02[4]x}\n", number, red, green, blue)
		}
	}
	return rules.String()
}

// picture is an image's address if it is one of the kinds that are shown; its bytes are encoded again, so nothing else is in it.
func picture(image desk.Image) template.URL {
	data, kind, ok := image.Decode()
	if !ok {
		return ""
	}
	return template.URL("data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(data)) //nolint:gosec // see above
}

// maxLogLine bounds a line of the log, which the runner bounds below that.
const maxLogLine = 2 << 20

// logText is the messages of the log, the grader's own lines with their colours.
func logText(log io.Reader) (text template.HTML, count int) {
	if log == nil {
		return "", 0
	}
	var messages []string
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, maxLogLine)
	for lines.Scan() {
		var line struct{ Message string }
		if json.Unmarshal(lines.Bytes(), &line) == nil {
			messages = append(messages, line.Message)
		}
	}
	return coloured(strings.Join(messages, "\n")), len(messages)
}
