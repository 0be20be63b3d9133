package gradertest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/slashgrade/slashgrade/jobspec"
)

// Summary is the results of a run, for programs.
type Summary struct {
	// Passed, Failed and Broken count the samples; Broken are those that we could not grade. Cached of the passed ones were not graded.
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Broken  int `json:"broken"`
	Cached  int `json:"cached"`
	Updated int `json:"updated"`
	// Seconds is how long the run took.
	Seconds float64      `json:"seconds"`
	Tests   []TestResult `json:"tests"`
}

// TestResult is one sample's result.
type TestResult struct {
	// Name is the question's name and the sample's, File its expect.toml.
	Name string `json:"name"`
	File string `json:"file"`
	// Result is passed, failed or broken.
	Result      string          `json:"result"`
	Cached      bool            `json:"cached"`
	Updated     bool            `json:"updated"`
	Seconds     float64         `json:"seconds"`
	Differences []Difference    `json:"differences,omitempty"`
	Error       string          `json:"error,omitempty"`
	Report      *jobspec.Report `json:"report,omitempty"`
}

// Summarise counts the results.
func Summarise(results []*Result, took time.Duration) *Summary {
	s := &Summary{Seconds: took.Seconds(), Tests: []TestResult{}}
	for _, r := range results {
		t := TestResult{
			Name: r.String(), File: r.ExpectFile(), Result: "passed", Cached: r.Cached, Updated: r.Updated, Seconds: r.Took.Seconds(),
			Differences: r.Differences, Report: r.Report,
		}
		if r.Err != nil {
			t.Error = r.Err.Error()
		}
		switch {
		case r.Failed:
			t.Result = "broken"
			s.Broken++
		case !r.Passed():
			t.Result = "failed"
			s.Failed++
		default:
			s.Passed++
		}
		if r.Cached {
			s.Cached++
		}
		if r.Updated {
			s.Updated++
		}
		s.Tests = append(s.Tests, t)
	}
	return s
}

// WriteJSON writes the summary as one JSON object.
func (s *Summary) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(s)
}

// WriteJUnit writes the summary as JUnit XML: a suite for each question, a test case for each sample.
func (s *Summary) WriteJUnit(w io.Writer) error {
	all := junit.Testsuites{Name: "slashgrade test"}
	var suite junit.Testsuite
	for i := range s.Tests {
		t := &s.Tests[i]
		question, name := splitName(t.Name)
		if suite.Name != question {
			if suite.Name != "" {
				all.AddSuite(suite)
			}
			suite = junit.Testsuite{Name: question}
		}
		suite.AddTestcase(t.junit(question, name))
	}
	if suite.Name != "" {
		all.AddSuite(suite)
	}
	text, err := xml.MarshalIndent(&all, "", "  ")
	if err != nil {
		return fmt.Errorf("write JUnit XML: %w", err)
	}
	_, err = w.Write(append([]byte(xml.Header), append(text, '\n')...))
	return err
}

func splitName(name string) (question, sample string) {
	at := strings.LastIndexByte(name, '/')
	return name[:max(0, at)], name[at+1:]
}

func (t *TestResult) junit(question, name string) junit.Testcase {
	c := junit.Testcase{Name: name, Classname: question, Time: fmt.Sprintf("%.3f", t.Seconds)}
	var text strings.Builder
	if t.Error != "" {
		text.WriteString(t.Error + "\n")
	}
	for _, d := range t.Differences {
		fmt.Fprintf(&text, "%s: expected %s, got %s\n", d.What, d.Want, d.Got)
	}
	result := &junit.Result{Message: firstLine(text.String()), Data: text.String()}
	switch t.Result {
	case "failed":
		c.Failure = result
	case "broken":
		c.Error = result
	}
	return c
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
