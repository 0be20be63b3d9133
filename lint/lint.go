// Package lint finds mistakes in a course's externally graded questions without running anything: in info.json, question.html, the
// entrypoint, the files that a job gets, the Python grader's tests, expect.toml and results.json.
//
// A rule is one function with a name; [Rules] lists them all. A rule speaks only of what it can know: where a file is computed,
// imported from elsewhere or unreadable, it is silent.
//
// # Bounds
//
// All that is read is bounded: [MaxQuestions] questions, jobspec.MaxInfoBytes of a JSON or HTML file, [MaxPythonBytes] of a Python
// file, 200,000 entries of a folder. No file outside of the course is opened, whatever a link says. Python files are parsed, never
// imported.
package lint

import (
	"cmp"
	"slices"
)

// Severity says what a finding means for the question.
type Severity string

// The severities.
const (
	// Error is what keeps a question from being graded, or grades it wrongly.
	Error Severity = "error"
	// Warning is what works otherwise than it reads, or works here and not on PrairieLearn.
	Warning Severity = "warning"
	// Note is what is worth knowing. Notes do not count as findings in the exit status.
	Note Severity = "note"
)

// Finding is one mistake at one place.
type Finding struct {
	// File is the path as the reader would type it.
	File string `json:"file"`
	// Line and Column count from 1; a column is a character. Line 1, column 1 stands for the whole file.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Rule is the name of the rule, one of Rules.
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	// Message says what is wrong and what follows from it.
	Message string `json:"message"`
	// Advice says what to do.
	Advice string `json:"advice"`
}

// Rule is a rule's entry in the list.
type Rule struct {
	// Name is lower case with hyphens, and stays the same between releases.
	Name     string
	Severity Severity
	// Finds says what the rule finds, in a few words.
	Finds string

	question func(*question) []Finding // of each question
	json     func(*document) []Finding // of every JSON file
	results  func(*document) []Finding // of each results.json
}

// Rules are all rules, ordered as they are documented.
func Rules() []Rule {
	return slices.Concat(infoRules(), optionRules(), entrypointRules(), fileRules(), pageRules(),
		pythonFileRules(), testRules(), scoreRules(), nameRules(), expectRules(), resultsRules())
}

// place is a position in a file, both from 1.
type place struct {
	line, column int
}

// top is the place of what concerns a whole file.
func top() place { return place{1, 1} }

// at is a finding of a rule; name and severity are the rule's and filled in later.
func at(file string, p place, message, advice string) Finding {
	return Finding{File: file, Line: p.line, Column: p.column, Message: message, Advice: advice}
}

// apply runs one subject through the rules that look at its kind; of returns a rule's function for that kind.
func apply[S any](rules []Rule, subject S, of func(*Rule) func(S) []Finding) []Finding {
	var findings []Finding
	for i := range rules {
		check := of(&rules[i])
		if check == nil {
			continue
		}
		for _, f := range check(subject) {
			f.Rule, f.Severity = rules[i].Name, rules[i].Severity
			findings = append(findings, f)
		}
	}
	return findings
}

// sorted orders findings by file and place, and drops those that stand there twice: a file may be reached in two ways.
func sorted(findings []Finding) []Finding {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Rule, b.Rule))
	})
	return slices.Compact(findings)
}
