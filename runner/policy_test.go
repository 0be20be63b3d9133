package runner_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/jobspec"
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

// TestNetworkRefused is a runner that cannot guard the network that a job asks for: the job is answered, and no other one is touched by it.
func TestNetworkRefused(t *testing.T) {
	b := newBench(t)
	j := &job{script: "mkdir /grade/results; echo '{\"score\":1}' > /grade/results/results.json"}
	grader := runner.New(b.engine, content(j.pack(t)), &runner.Options{
		ID: b.id, Version: "test", Network: func(context.Context) error { return errors.New("nft: not permitted") },
	})
	for networking, want := range map[bool]jobspec.Outcome{true: jobspec.JobInvalid, false: jobspec.Graded} {
		spec := j.spec()
		spec.EnableNetworking = networking
		grading, err := grader.Grade(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if err := grading.Close(t.Context()); err != nil {
			t.Error(err)
		}
		report := grading.Report
		if report.Outcome != want {
			t.Errorf("networking %t: the outcome is %s, want %s: %s", networking, report.Outcome, want, report.Message)
		}
		if networking && (!strings.Contains(report.Message, "network access") || strings.Contains(report.Message, "nft")) {
			t.Errorf("the student reads %q", report.Message)
		}
		if log := readLog(t, grading.Log); networking && !strings.Contains(log, "nft: not permitted") {
			t.Errorf("the log does not say why:\n%s", log)
		}
	}
}
