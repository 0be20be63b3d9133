package lint

import (
	"errors"
	"fmt"

	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/schemas"
)

// resultsRules are about results.json files.
func resultsRules() []Rule {
	return []Rule{
		{Name: "results-invalid", Severity: Error, Finds: "results that give no grade", results: resultsInvalid},
		{Name: "results-shown", Severity: Warning, Finds: "results of which a part is dropped or shown otherwise than meant", results: resultsShown},
		{Name: "results-size", Severity: Error, Finds: "results of more than 1 MiB", results: resultsSize},
	}
}

func resultsInvalid(d *document) []Finding {
	if d.malformed != nil {
		return nil
	}
	_, err := schemas.ValidateResults(d.value)
	var invalid *schemas.Invalid
	if !errors.As(err, &invalid) {
		return nil
	}
	var found []Finding
	for _, v := range invalid.Violations {
		found = append(found, d.finding(d.valueAt(v.Pointer), v.String(), "change what the grader writes; see docs/courses.md"))
	}
	return found
}

func resultsShown(d *document) []Finding {
	if d.malformed != nil {
		return nil
	}
	warnings, _ := schemas.ValidateResults(d.value)
	var found []Finding
	for _, warning := range warnings {
		found = append(found, d.finding(d.sentencePlace(warning), warning, "change what the grader writes"))
	}
	return found
}

func resultsSize(d *document) []Finding {
	if d.size <= sandbox.MaxResults {
		return nil
	}
	return []Finding{d.finding(top(), fmt.Sprintf("the file has %d bytes; more than %d are refused", d.size, sandbox.MaxResults), "shorten output and messages, and make images smaller")}
}
