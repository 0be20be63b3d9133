package slashgrade_test

import (
	"os"
	"path/filepath"
	"testing"
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
