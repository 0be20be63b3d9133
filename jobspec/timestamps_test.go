package jobspec_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/slashgrade/slashgrade/jobspec"
)

func ExampleTimestamps() {
	received := time.Date(2026, time.November, 22, 15, 3, 51, 285_400_000, time.UTC)
	stamps := jobspec.Timestamps{
		SubmittedAt: received.Add(2 * time.Second), // by a clock that is ahead
		ReceivedAt:  received,
		StartedAt:   received.Add(200 * time.Millisecond),
		FinishedAt:  received.Add(time.Second),
	}
	fmt.Println("skew:", stamps.Settle())
	text, _ := json.MarshalIndent(stamps, "", "  ")
	fmt.Println(string(text))
	// Output:
	// skew: 2s
	// {
	//   "grading_finished_at": "2026-11-22T15:03:52.285Z",
	//   "grading_received_at": "2026-11-22T15:03:51.285Z",
	//   "grading_requested_at": null,
	//   "grading_started_at": "2026-11-22T15:03:51.485Z",
	//   "grading_submitted_at": "2026-11-22T15:03:51.285Z"
	// }
}

// stamps makes Timestamps of milliseconds after a fixed instant, in order; a negative number is a stamp that nobody gave.
func stamps(ms ...int) jobspec.Timestamps {
	at := make([]time.Time, 6)
	for i, m := range ms {
		if m >= 0 {
			at[i] = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(m) * time.Millisecond)
		}
	}
	return jobspec.Timestamps{
		RequestedAt: at[0], SubmittedAt: at[1], ReceivedAt: at[2], StartedAt: at[3], FinishedAt: at[4], GradedAt: at[5],
	}
}

func TestSettle(t *testing.T) {
	for _, test := range []struct {
		name     string
		in, want jobspec.Timestamps
		skew     time.Duration
	}{
		{"in order", stamps(1, 2, 3, 4, 5, 6), stamps(1, 2, 3, 4, 5, 6), 0},
		{"none", jobspec.Timestamps{}, jobspec.Timestamps{}, 0},
		{"none given stays none", stamps(-1, -1, 3, -1, 5, -1), stamps(-1, -1, 3, -1, 5, -1), 0},
		{"platform ahead", stamps(70, 50, 30, 40, 45, 46), stamps(30, 30, 30, 40, 45, 46), 40 * time.Millisecond},
		{"only requested ahead", stamps(70, 20, 30, 40, 45, 46), stamps(30, 30, 30, 40, 45, 46), 40 * time.Millisecond},
		{"submitted before requested", stamps(10, 5, 30, 40, 45, 46), stamps(10, 10, 30, 40, 45, 46), 0},
		{"nothing received", stamps(70, 50, -1, -1, -1, -1), stamps(70, 70, -1, -1, -1, -1), 0},
		{"finished at once", stamps(1, 2, 3, 3, 3, 3), stamps(1, 2, 3, 3, 4, 4), 0},
		{"finished before received", stamps(1, 2, 30, -1, 3, 31), stamps(1, 2, 30, -1, 31, 31), 0},
		{"finished before started", stamps(1, 2, 3, 9, 5, 6), stamps(1, 2, 3, 9, 9, 9), 0},
		{"graded before finished", stamps(1, 2, 3, 4, 9, 5), stamps(1, 2, 3, 4, 9, 9), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.in
			if skew := got.Settle(); skew != test.skew {
				t.Errorf("skew %s, want %s", skew, test.skew)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("stamps (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSettleRoundsAndIsUTC(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	got := jobspec.Timestamps{ReceivedAt: time.Date(2026, time.January, 2, 4, 4, 5, 1_999_999, berlin)}
	got.Settle()
	if diff := cmp.Diff(stamps(-1, -1, 1), got); diff != "" {
		t.Errorf("stamps (-want +got):\n%s", diff)
	}
}

// Whatever six clocks say, the stamps come out in order, and settling twice changes nothing more.
func TestSettleOrders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		got := stamps(rapid.SliceOfN(rapid.IntRange(-1, 50), 6, 6).Draw(t, "milliseconds")...)
		given := list(got)
		got.Settle()
		var latest time.Time
		for i, at := range list(got) {
			if at.IsZero() != given[i].IsZero() {
				t.Fatalf("stamp %d was invented or lost", i)
			}
			if at.IsZero() {
				continue
			}
			if at.Before(latest) {
				t.Fatalf("stamp %d is before the one before it: %v", i, list(got))
			}
			latest = at
		}
		if !got.FinishedAt.IsZero() && !got.ReceivedAt.IsZero() && got.FinishedAt.Sub(got.ReceivedAt) < time.Millisecond {
			t.Fatalf("finished %s after received", got.FinishedAt.Sub(got.ReceivedAt))
		}
		again := got
		if again.Settle() != 0 || again != got {
			t.Fatalf("settled twice: %v, then %v", list(got), list(again))
		}
	})
}

func list(t jobspec.Timestamps) []time.Time {
	return []time.Time{t.RequestedAt, t.SubmittedAt, t.ReceivedAt, t.StartedAt, t.FinishedAt, t.GradedAt}
}

func TestTimestampsJSON(t *testing.T) {
	for _, test := range []struct {
		name   string
		stamps jobspec.Timestamps
		graded bool
	}{
		{"all", stamps(1, 2, 3, 4, 5, 6), true},
		{"in an answer", stamps(1, 2, 3, 4, 5, -1), false},
		{"few", stamps(-1, -1, 3, -1, -1, -1), false},
		{"none", jobspec.Timestamps{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, err := json.Marshal(test.stamps)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(string(text), "graded_at"); got != test.graded {
				t.Errorf("graded_at is there: %t, want %t: %s", got, test.graded, text)
			}
			for _, name := range []string{"requested", "submitted", "received", "started", "finished"} {
				if !strings.Contains(string(text), `"grading_`+name+`_at":`) {
					t.Errorf("grading_%s_at is missing: %s", name, text)
				}
			}
			var again jobspec.Timestamps
			if err := json.Unmarshal(text, &again); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.stamps, again); diff != "" {
				t.Errorf("read again (-written +read):\n%s", diff)
			}
		})
	}
}

func TestTimestampsRefuseOtherTimes(t *testing.T) {
	for _, text := range []string{`{"graded_at":"yesterday"}`, `{"graded_at":5}`, `[]`, `{"grading_started_at":"2026-01-02"}`} {
		if err := json.Unmarshal([]byte(text), new(jobspec.Timestamps)); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

func TestFormatTime(t *testing.T) {
	at := time.Date(2026, time.November, 22, 16, 3, 51, 285_999_999, time.FixedZone("CET", 3600))
	if got, want := jobspec.FormatTime(at), "2026-11-22T15:03:51.285Z"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
