package doctor

import (
	"fmt"
	"testing"

	"github.com/slashgrade/slashgrade/internal/testengine"
	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

func newTrial(t *testing.T) *Trial {
	t.Helper()
	return &Trial{Engine: testengine.Open(t, ""), Runner: "test-doctor", Image: testenv.Image}
}

func TestTrial(t *testing.T) {
	trial := newTrial(t)
	want(t, trial.Start(t.Context(), ""), OK, "a job ran")
	want(t, trial.Start(t.Context(), "no-such-runtime"), Fail, "no-such-runtime")
	found := trial.Limits(t.Context())
	if len(found) != 3 {
		t.Errorf("found %v", found)
	}
	for _, f := range found {
		if f.Name == "cpu limit" && f.Status == Warn {
			continue // this host is busy with other tests
		}
		want(t, f, OK, "a job")
	}
}

// Where nothing limits the trial it says so: the same job with limits that it does not reach.
func TestTrialWithoutLimits(t *testing.T) {
	trial := newTrial(t)
	report, err := trial.grade(t.Context(), sandbox.Profiles()[sandbox.PrairieLearn], fmt.Sprintf(script, trialBytes, trialForks))
	if err != nil || !report.Succeeded {
		t.Fatalf("the trial did not run: %v, %+v", err, report)
	}
	seen, err := readObservation(report.Results)
	if err != nil {
		t.Fatal(err)
	}
	want(t, seen.memory(), Fail, "256 MiB")
	want(t, seen.processes(), Fail, "80 processes")
}

func TestProcessorLimit(t *testing.T) {
	for text, c := range map[string]struct {
		status Status
		words  string
	}{
		"1 0m0.400s 0m0.100000s 7 20":  {OK, "held back 7 times"},
		"1 0m2.400s 0m0.100000s 0 20":  {Fail, "2.5s of processor time"},
		"1 0m2.400s 0m0.100000s -1 20": {Fail, "2.5s of processor time"},
		"1 0m0.100s 0m0.020000s 0 20":  {Warn, "too busy"},
	} {
		seen, err := readObservation([]byte(`{"output":"` + text + `"}`))
		if err != nil {
			t.Fatal(err)
		}
		want(t, seen.processor(), c.status, c.words)
	}
	if _, err := readObservation([]byte(`{"output":"much"}`)); err == nil {
		t.Error("nonsense was read")
	}
}
