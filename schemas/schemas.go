// Package schemas holds the JSON Schemas of slashgrade's documents and the functions that validate with them: a question's
// externalGradingOptions, the job message, results.json and the Report. The schema files are the reference documentation of those
// formats.
//
// # Bad input
//
// All of it may come from students. [Decode] gives one clear reason for bytes that are no JSON document, the Validate functions give
// every broken rule of a document at once, the first [MaxShown] of them in words and the rest as a number. None of them panics, and
// their time and memory are bounded for bounded input.
package schemas

// ValidateOptions checks a question's externalGradingOptions, as [Decode] returns it. The error is an [*Invalid].
func ValidateOptions(v any) error { return validateBy(OptionsName, "externalGradingOptions", v) }

// ValidateJobMessage checks a message on the jobs queue, as [Decode] returns it. The error is an [*Invalid].
func ValidateJobMessage(v any) error { return validateBy(JobMessageName, "the job message", v) }

// ValidateReport checks the JSON of a report, as [Decode] returns it. The error is an [*Invalid].
func ValidateReport(v any) error { return validateBy(ReportName, "the report", v) }

// ValidateResults checks a grader's results, as [Decode] returns them. The error is an [*Invalid]: the results give no points and the
// job fails. Warnings are what PrairieLearn takes but drops or shows otherwise than the grader meant, at most [MaxShown] and one line
// with the number of the rest; they are given only for valid results.
func ValidateResults(v any) (warnings []string, err error) {
	if err := validateBy(ResultsName, "results.json", v); err != nil {
		return nil, err
	}
	results, _ := v.(map[string]any)
	return lintResults(results), nil
}

func validateBy(name, document string, v any) error {
	nodes, err := compiled()
	if err != nil { // the program was built from broken schemas
		return &Invalid{Document: document, Total: 1, Violations: []Violation{{Rule: "could not be checked: " + err.Error()}}}
	}
	return validate(document, nodes[name], v, MaxCheckTime)
}
