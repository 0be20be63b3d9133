// Package hostile_test runs hostile jobs through the real runner in real containers: what a student, a course or a platform may send
// to break out, to use up the machine, to forge a grade or to make the runner fail. cases/ has one file a case; case_test.go tells its
// format, check_test.go what holds for every case, host_test.go what is compared on the host after each.
//
// # Settings
//
// SLASHGRADE_HOSTILE_ENGINE, SLASHGRADE_HOSTILE_RUNTIME and SLASHGRADE_HOSTILE_PROFILE choose what makes the containers, as engine.kind names
// it, the engine's runtime, and the profile. The engine is DOCKER_HOST's. scripts/hostile-all.sh goes through what there is.
package hostile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// groups are the folders of cases/.
func groups() []string {
	return []string{"process", "escape", "results-bytes", "results-files", "archive", "message", "output"}
}

// atOnce is how many cases run at a time: a case mostly waits for its container's start or for its own time limit.
const atOnce = 4

func TestHostile(t *testing.T) {
	b := newBench(t)
	t.Cleanup(func() { b.host.checkListener(t) })
	slots := make(chan struct{}, atOnce)
	for _, group := range groups() {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			for _, c := range readCases(t, group) {
				if why := b.place.leaves(c); why != "" {
					t.Logf("%s is not tried: %s", c.name, why)
					continue
				}
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					slots <- struct{}{}
					defer func() { <-slots }()
					b.check(t, c.at(t, b.place), b.grade(t, t, c))
				})
			}
		})
	}
}

// readCases reads a group.
func readCases(t *testing.T, group string) []*hostileCase {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("cases", group, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no cases in %s: %v", group, err)
	}
	cases := make([]*hostileCase, 0, len(files))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c := parseCase(t, strings.TrimSuffix(filepath.Base(file), ".txtar"), text)
		c.group = group
		cases = append(cases, c)
	}
	return cases
}

// The suite is large because each defence is tried in more than one way; a case that is lost by mistake is missed here.
func TestThereAreEnoughCases(t *testing.T) {
	const least = 250
	count := 0
	for _, group := range groups() {
		count += len(readCases(t, group))
	}
	if count < least {
		t.Errorf("there are %d cases, want at least %d", count, least)
	}
}
