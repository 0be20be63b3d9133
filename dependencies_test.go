package slashgrade_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// explained are the dependencies of docs/design.md: the code spans that begin an item of the section's lists.
func explained(t *testing.T) []string {
	t.Helper()
	var names []string
	inside := false
	for _, line := range readDocument(t, "docs/design.md").lines {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			inside = heading == "Dependencies"
		}
		item, isItem := strings.CutPrefix(line, "- ")
		before, reason, hasReason := strings.Cut(item, ": ")
		if !inside || !isItem {
			continue
		}
		if !hasReason || reason == "" {
			t.Errorf("a dependency has no reason: %s", line)
		}
		names = append(names, codes(before)...)
	}
	return names
}

func TestGoDependenciesAreExplained(t *testing.T) {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, found := range regexp.MustCompile(`(?m)^(?:require )?\t?([a-z0-9.-]+\.[a-z]+/\S+) v\S+$`).FindAllStringSubmatch(string(text), -1) {
		want = append(want, found[1])
	}
	got := slices.DeleteFunc(explained(t), func(name string) bool { return !strings.Contains(name, "/") })
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the dependencies of docs/design.md are not the direct requirements of go.mod (-go.mod +design.md):\n%s", diff)
	}
}

// requirement is a line of a requirements file.
var requirement = regexp.MustCompile(`(?m)^([A-Za-z0-9][A-Za-z0-9_.-]*?)(?:\[[^]]*\])?\s*(?:[=<>~!;#].*)?$`)

func requirements(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, found := range requirement.FindAllStringSubmatch(string(text), -1) {
		names = append(names, found[1])
	}
	return names
}

// TestPythonDependenciesAreExplained leaves out what student code may import in a grader image: that list says so itself.
func TestPythonDependenciesAreExplained(t *testing.T) {
	known, files := explained(t), []string{}
	for _, file := range tracked(t) {
		switch name := filepath.Base(file); {
		case name == "requirements.txt" && strings.HasPrefix(file, "images/"):
			known = append(known, requirements(t, file)...)
		case name == "requirements.txt", name == "requirements-dev.txt":
			files = append(files, file)
		}
	}
	if len(files) < 2 {
		t.Errorf("only %q were found", files)
	}
	for _, file := range files {
		for _, name := range requirements(t, file) {
			if !slices.Contains(known, name) {
				t.Errorf("docs/design.md does not say what %s of %s is for", name, file)
			}
		}
	}
}

// TestPinnedProgramsAreExplained reads the programs that scripts/tool.sh builds.
func TestPinnedProgramsAreExplained(t *testing.T) {
	text, err := os.ReadFile(filepath.FromSlash("scripts/tool.sh"))
	if err != nil {
		t.Fatal(err)
	}
	names := explained(t)
	found := regexp.MustCompile(`(?m)^([a-z-]+)\) package=`).FindAllStringSubmatch(string(text), -1)
	if len(found) == 0 {
		t.Fatal("scripts/tool.sh names no program")
	}
	for _, program := range found {
		if !slices.Contains(names, program[1]) {
			t.Errorf("docs/design.md does not say what %s is for", program[1])
		}
	}
}
