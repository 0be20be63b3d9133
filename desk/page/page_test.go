package page_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/slashgrade/slashgrade/desk/page"
	"github.com/slashgrade/slashgrade/jobspec"
)

// hostile is text that wants to be more than text.
const hostile = `<script>alert(1)</script><img src=x onerror=alert(1)>"'><a href="javascript:alert(1)">x</a>` +
	"\x1b]8;;https://example.org\x07link\x1b]8;;\x07\x1b]1338;url=https://example.org/x.png\x07\x1b]1337;File=inline=1:PHN2Zz4=\x07\x1b[31mred\x1b[0m"

func write(t *testing.T, report *jobspec.Report, log string) string {
	t.Helper()
	var out bytes.Buffer
	err := page.Write(&out, &page.Report{Name: hostile, Report: report, Log: strings.NewReader(log), Written: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Whatever a grader leaves, the page holds no element and no address that is not ours.
func TestNothingIsLetThrough(t *testing.T) {
	results, err := json.Marshal(map[string]any{
		"score": 0.5, "message": hostile, "output": hostile, "format_errors": []string{hostile},
		"images": []any{
			hostile, "javascript:alert(1)", "data:text/html;base64,PHNjcmlwdD4=", "data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+",
			map[string]string{"label": hostile, "url": "https://example.org/x.png"},
		},
		"tests": []any{map[string]any{"name": hostile, "description": hostile, "message": hostile, "output": hostile, "points": 1, "max_points": 2}},
	})
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(map[string]string{"message": "container> " + hostile})
	if err != nil {
		t.Fatal(err)
	}
	report := &jobspec.Report{
		JobID: hostile, Message: hostile, Results: results, Outcome: jobspec.ExitStatus, Warnings: []string{hostile}, Runner: hostile,
		Image: &jobspec.ImageRef{Name: hostile, Digest: hostile},
	}
	for _, report.Succeeded = range []bool{true, false} {
		checkElements(t, write(t, report, string(line)+"\n"))
	}
}

func checkElements(t *testing.T, text string) {
	t.Helper()
	tokens := html.NewTokenizer(strings.NewReader(text))
	for kind := tokens.Next(); kind != html.ErrorToken; kind = tokens.Next() {
		token := tokens.Token()
		if token.Type != html.StartTagToken && token.Type != html.SelfClosingTagToken {
			continue
		}
		if strings.Contains(" script a iframe object embed svg link base form ", " "+token.Data+" ") {
			t.Errorf("there is an element %s", token)
		}
		for _, attribute := range token.Attr {
			fetches := attribute.Key == "src" || attribute.Key == "href"
			if strings.HasPrefix(attribute.Key, "on") || fetches && !strings.HasPrefix(attribute.Val, "data:image/png;") {
				t.Errorf("there is an attribute in %s", token)
			}
		}
	}
}

// The parts of a usual report are there: verdict, points, marks, colours, phases.
func TestPage(t *testing.T) {
	report := &jobspec.Report{
		Succeeded: true, Outcome: jobspec.Graded,
		Results: []byte(`{"score": 0.5, "output": "\u001b[31mred\u001b[0m \u001b[38;5;202;1mmany\u001b[0m \u001b[48;2;1;2;250;1many\u001b[0m \u001b[38;5;9mbright\u001b[0m \u001b[48;5;2mgreen\u001b[0m", "tests": [
			{"name": "adds", "points": 1, "max_points": 1}, {"name": "divides", "points": 0, "max_points": 1.125}]}`),
	}
	begin := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	report.Stamp(jobspec.Timestamps{ReceivedAt: begin, StartedAt: begin.Add(300 * time.Millisecond), FinishedAt: begin.Add(400 * time.Millisecond)})
	text := write(t, report, "")
	for _, want := range []string{
		`<p class="verdict some">50 %</p>`, "1 of 2.12 points", `<li class="passed">`, `<li class="failed">`, "0/1.12",
		`<span class="term-fg31">red</span>`, `<span class="term-fgx202 term-fg1">many</span>`, ".term-fgx202{color:#ff5f00}",
		`<span class="term-fgi91">bright</span>`, `<span class="term-bg42">green</span>`,
		`<span class="term-bgx21 term-fg1">any</span>`, ".term-bgx21{background:#0000ff}", "<th>prepare</th><td class=\"took\">300 ms</td>", "margin-left:75.00%;width:25.00%",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
