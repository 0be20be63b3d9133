package slashgrade_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slashgrade/slashgrade/runner/sandbox/firewall"
)

// Every case that the threat model's tables name is there, and every group has cases.
func TestThreatModelNamesCases(t *testing.T) {
	const folder = "runner/hostile/cases"
	document := readDocument(t, "docs/threat-model.md")
	for _, row := range document.rows(t, "attack") {
		for _, name := range codes(row[1]) {
			if _, err := os.Stat(filepath.Join(folder, filepath.FromSlash(name)+".txtar")); err != nil {
				t.Errorf("the case of the attack %q is not there: %v", row[0], err)
			}
		}
	}
	for _, row := range document.rows(t, "threat") {
		for _, group := range codes(row[2]) {
			if cases, err := filepath.Glob(filepath.Join(folder, group, "*.txtar")); err != nil || len(cases) == 0 {
				t.Errorf("the threat %q names the group %s, which has no cases (%v)", row[0], group, err)
			}
		}
	}
}

// The threat model lists the networks that a guarded one keeps jobs from.
func TestThreatModelNamesClosedNetworks(t *testing.T) {
	text, err := os.ReadFile("docs/threat-model.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\d+\.\d+\.\d+\.\d+/\d+`).FindAllString(string(text), -1)
	if diff := cmp.Diff(firewall.Closed(), named); diff != "" {
		t.Errorf("docs/threat-model.md does not list what package firewall closes (-want +got):\n%s", diff)
	}
}
