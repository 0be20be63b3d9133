package sandbox_test

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// TestEveryLimitHasAKey sets every key to another value than the profile has, and looks that every field has changed.
func TestEveryLimitHasAKey(t *testing.T) {
	values := map[string]any{
		"memory": "100MiB", "cpus": int64(3), "processes": int64(77), "open_files": int64(99), "file_size": "3MiB", "disk": "4MiB",
		"grade": "5 MiB", "grade_entries": int64(101), "scratch": "6m", "scratch_entries": int64(102), "shared": "7M",
		"message_queues": "8KiB", "pending_signals": int64(103), "capabilities": []any{"SYS_CHROOT"}, "user": "nobody", "read_only": true,
		"runtime": "runsc",
	}
	profile := sandbox.Profiles()[sandbox.PrairieLearn]
	before := reflect.ValueOf(*profile)
	for _, limit := range profile.Limits() {
		if err := profile.Set(limit.Key, values[limit.Key]); err != nil {
			t.Errorf("%s = %v: %v", limit.Key, values[limit.Key], err)
		}
	}
	after := reflect.ValueOf(*profile)
	for i := range after.NumField() {
		field := after.Type().Field(i).Name
		if field != "Name" && reflect.DeepEqual(before.Field(i).Interface(), after.Field(i).Interface()) {
			t.Errorf("%s has no key that changes it", field)
		}
	}
	shown := map[string]string{}
	for _, limit := range profile.Limits() {
		shown[limit.Key] = limit.Value
	}
	want := map[string]string{
		"memory": "100MiB", "cpus": "3", "processes": "77", "open_files": "99", "file_size": "3MiB", "disk": "4MiB", "grade": "5MiB",
		"grade_entries": "101", "scratch": "6MiB", "scratch_entries": "102", "shared": "7MiB", "message_queues": "8KiB",
		"pending_signals": "103", "capabilities": "SYS_CHROOT", "user": "nobody", "read_only": "true", "runtime": "runsc",
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("(-want +shown):\n%s", diff)
	}
}

func TestWrongLimits(t *testing.T) {
	for _, c := range []struct {
		key   string
		value any
		want  string
	}{
		{"memory", int64(4), "a size in quotes"},
		{"memory", "lots", "a size in quotes"},
		{"memory", "1KiB", "from 16MiB"},
		{"memory", "-1GiB", "a size in quotes"},
		{"memory", "99999999999999GiB", "from 16MiB"},
		{"cpus", 0.0, "from 0.01"},
		{"cpus", -1.0, "from 0.01"},
		{"cpus", math.NaN(), "from 0.01"},
		{"cpus", math.Inf(1), "from 0.01"},
		{"cpus", "2", "a number"},
		{"processes", int64(0), "from 8"},
		{"processes", int64(-1), "from 8"},
		{"processes", 12.5, "a whole number"},
		{"open_files", int64(1) << 40, "to 1048576"},
		{"grade_entries", int64(0), "from 100"},
		{"capabilities", "CHOWN", "a list"},
		{"capabilities", []any{"SYS_ADMIN"}, "not SYS_ADMIN"},
		{"capabilities", []any{"NET_RAW"}, "not NET_RAW"},
		{"capabilities", []any{int64(1)}, "not 1"},
		{"user", int64(1000), "a name or a number"},
		{"user", "a b", "a name or a number"},
		{"user", "1000:", "a name or a number"},
		{"read_only", "yes", "true or false"},
		{"runtime", "../runc", "one of the engine's runtimes"},
		{"unknown", int64(1), "no such limit"},
	} {
		profile := sandbox.Profiles()[sandbox.PrairieLearn]
		err := profile.Set(c.key, c.value)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %v: got %v, want an error with %q", c.key, c.value, err, c.want)
		}
		if diff := cmp.Diff(sandbox.Profiles()[sandbox.PrairieLearn], profile); diff != "" {
			t.Errorf("%s = %v changed the profile:\n%s", c.key, c.value, diff)
		}
	}
}
