package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSources(t *testing.T) {
	file := filepath.Join(t.TempDir(), "slashgrade.toml")
	text := "[runner]\nconcurrency = 3\nmax_timeout = \"90s\"\narchive = false\n[sqs]\njobs_queue = \"a\"\nresults_queue = \"b\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SLASHGRADE_RUNNER_CONCURRENCY", "4")
	t.Setenv("SLASHGRADE_SQS_RESULTS_QUEUE", "c")
	flags := &configFlags{file: file, given: map[string]string{"sqs.results_queue": "d"}}
	got, err := flags.load()
	if err != nil {
		t.Fatal(err)
	}
	want := defaultConfig()
	want.Runner.Concurrency, want.Runner.MaxTimeout, want.Runner.Archive = 4, 90*time.Second, false
	want.SQS.JobsQueue, want.SQS.ResultsQueue = "a", "d"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryKeyIsExplained(t *testing.T) {
	for _, s := range defaultConfig().settings() {
		if s.help == "" || strings.HasPrefix(s.key, ".") || strings.HasSuffix(s.key, ".") {
			t.Errorf("key %q has no name or no help", s.key)
		}
	}
}

func TestPercent(t *testing.T) {
	for score, want := range map[float64]string{0: "0%", 1: "100%", 0.5: "50%", 2.0 / 3: "66.67%", 0.999999: "100%", 0.12345: "12.35%"} {
		if got := percent(score); got != want {
			t.Errorf("percent(%v) = %s, want %s", score, got, want)
		}
	}
}
