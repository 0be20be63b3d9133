package jobspec_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/schemas"
)

func ExampleReport() {
	report := jobspec.Report{JobID: "17", Succeeded: true, Outcome: jobspec.Graded, Results: json.RawMessage(`{"score":1}`)}
	report.Stamp(stamps(-1, 0, 10, 20, 30))
	text, _ := json.MarshalIndent(&report, "", "  ")
	fmt.Println(string(text))
	// Output:
	// {
	//   "job_id": "17",
	//   "received_time": "2026-01-02T03:04:05.010Z",
	//   "start_time": "2026-01-02T03:04:05.020Z",
	//   "end_time": "2026-01-02T03:04:05.030Z",
	//   "succeeded": true,
	//   "results": {
	//     "score": 1
	//   },
	//   "outcome": "graded",
	//   "timestamps": {
	//     "grading_finished_at": "2026-01-02T03:04:05.030Z",
	//     "grading_received_at": "2026-01-02T03:04:05.010Z",
	//     "grading_requested_at": null,
	//     "grading_started_at": "2026-01-02T03:04:05.020Z",
	//     "grading_submitted_at": "2026-01-02T03:04:05.000Z"
	//   }
	// }
}

// fullReport has every field set.
func fullReport() jobspec.Report {
	report := jobspec.Report{
		JobID: "17", TimedOut: true, Results: json.RawMessage("null"), Message: "No.", Outcome: jobspec.TimedOut,
		Problems: []schemas.Violation{{Pointer: "/score", Rule: "must be a number", Found: `"1"`}}, ProblemCount: 1,
		Warnings: []string{"w"}, Image: &jobspec.ImageRef{Name: "a", Digest: "a@sha256:b"},
		Exit:       &jobspec.Exit{Status: 137, Signal: "SIGKILL", OutOfMemory: true},
		DeliveryID: "d", Runner: "slashgrade 1.0 (r)",
	}
	report.Stamp(stamps(99, 2, 3, 4, 5, 6))
	return report
}

func TestReportKeepsToItsSchema(t *testing.T) {
	full := fullReport()
	least := jobspec.Report{JobID: "1", Outcome: jobspec.JobInvalid}
	for name, report := range map[string]*jobspec.Report{"full": &full, "least": &least} {
		text, err := json.Marshal(report)
		if err != nil {
			t.Fatal(err)
		}
		document, err := schemas.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := schemas.ValidateReport(document.Value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReportIsReadAsWritten(t *testing.T) {
	report := fullReport()
	text, err := json.Marshal(&report)
	if err != nil {
		t.Fatal(err)
	}
	var again jobspec.Report
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report, again); diff != "" {
		t.Errorf("read again (-written +read):\n%s", diff)
	}
}

func TestStamp(t *testing.T) {
	for _, test := range []struct {
		name                   string
		stamps                 jobspec.Timestamps
		received, started, end string
		skew                   int64
	}{
		{"all", stamps(1, 2, 3, 4, 5), "2026-01-02T03:04:05.003Z", "2026-01-02T03:04:05.004Z", "2026-01-02T03:04:05.005Z", 0},
		{"not started", stamps(1, 2, 3, -1, 3), "2026-01-02T03:04:05.003Z", "", "2026-01-02T03:04:05.004Z", 0},
		{"not even received", stamps(1, 2), "", "", "", 0},
		{"sender ahead", stamps(1, 50, 3, 4, 5), "2026-01-02T03:04:05.003Z", "2026-01-02T03:04:05.004Z", "2026-01-02T03:04:05.005Z", 47},
	} {
		t.Run(test.name, func(t *testing.T) {
			var report jobspec.Report
			report.Stamp(test.stamps)
			got := []any{report.ReceivedTime, report.StartTime, report.EndTime, report.ClockSkewMS}
			if diff := cmp.Diff([]any{test.received, test.started, test.end, test.skew}, got); diff != "" {
				t.Errorf("received, started, end, skew (-want +got):\n%s", diff)
			}
		})
	}
}
