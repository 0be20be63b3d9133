package runner_test

import (
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// TestImageProfile runs the same job under two spellings of its image's name: a rule holds for both, and the runner's default for none.
func TestImageProfile(t *testing.T) {
	b := newBench(t)
	j := &job{script: `echo "runs as $(id -u), CHOWN $(chown 12 /grade 2>/dev/null && echo yes || echo no)"`}
	for pattern, want := range map[string]string{
		"debian":             "runs as 1000, CHOWN no",
		"debian:trixie-slim": "runs as 1000, CHOWN no",
		"debian:bookworm":    "runs as 0, CHOWN yes",
	} {
		for _, image := range []string{testenv.Image, "docker.io/library/" + testenv.Image} {
			spec := j.spec()
			spec.Image = image
			grader := runner.New(b.engine, content(j.pack(t)), &runner.Options{
				ID: b.id, Version: "test", Images: []sandbox.ImageRule{{Pattern: pattern, Profile: sandbox.Profiles()[sandbox.Strict]}},
			})
			grading, err := grader.Grade(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			if err := grading.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if log := readLog(t, grading.Log); !strings.Contains(log, want) {
				t.Errorf("pattern %s, image %s: the log lacks %q:\n%s", pattern, image, want, log)
			}
		}
	}
}
