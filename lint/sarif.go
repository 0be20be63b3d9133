package lint

import (
	"encoding/json"
	"io"
	"path/filepath"
)

// The part of SARIF 2.1.0 that findings need, under its own names.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver `json:"driver"`
		} `json:"tool"`
		Results []sarifResult `json:"results"`
		// ColumnKind says that columns are characters, not UTF-16 units.
		ColumnKind string `json:"columnKind"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string    `json:"id"`
		ShortDescription     sarifText `json:"shortDescription"`
		DefaultConfiguration struct {
			Level Severity `json:"level"`
		} `json:"defaultConfiguration"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		Level     Severity        `json:"level"` // the severities are SARIF's own words
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		PhysicalLocation struct {
			ArtifactLocation struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region struct {
				StartLine   int `json:"startLine"`
				StartColumn int `json:"startColumn"`
			} `json:"region"`
		} `json:"physicalLocation"`
	}
)

// WriteSARIF writes the findings as SARIF 2.1.0, which code scanners and editors read. Version is the program's.
func (r *Report) WriteSARIF(w io.Writer, version string) error {
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{
		Name: "slashgrade check", Version: version, InformationURI: "https://github.com/slashgrade/slashgrade/blob/main/docs/check.md",
	}
	for _, rule := range Rules() {
		described := sarifRule{ID: rule.Name, ShortDescription: sarifText{rule.Finds}}
		described.DefaultConfiguration.Level = rule.Severity
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, described)
	}
	for i := range r.Findings {
		run.Results = append(run.Results, newSARIFResult(&r.Findings[i]))
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	})
}

func newSARIFResult(f *Finding) sarifResult {
	var location sarifLocation
	location.PhysicalLocation.ArtifactLocation.URI = uriPath(filepath.ToSlash(f.File))
	location.PhysicalLocation.Region.StartLine = f.Line
	location.PhysicalLocation.Region.StartColumn = f.Column
	return sarifResult{
		RuleID: f.Rule, Level: f.Severity, Message: sarifText{f.Message + ". " + f.Advice + "."}, Locations: []sarifLocation{location},
	}
}
