package sandbox_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

func TestProfiles(t *testing.T) {
	for name, profile := range sandbox.Profiles() {
		found, err := sandbox.FindProfile(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(profile, found); diff != "" || profile.Name != name {
			t.Errorf("%s: found another (-listed +found):\n%s", name, diff)
		}
		for what, limit := range map[string]int64{
			"memory": profile.MemoryBytes, "processes": profile.Processes, "files": profile.OpenFiles, "disk": profile.DiskBytes,
			"grade": profile.GradeBytes, "inodes": profile.GradeInodes, "scratch": profile.ScratchBytes, "shared": profile.SharedBytes,
			"file": profile.FileBytes, "scratch inodes": profile.ScratchInodes, "queues": profile.QueueBytes, "signals": profile.Signals,
		} {
			if limit <= 0 {
				t.Errorf("%s: %s has no limit", name, what)
			}
		}
	}
	if _, err := sandbox.FindProfile("lax", nil); err == nil || !strings.Contains(err.Error(), `"lax"; there are prairielearn, strict`) {
		t.Errorf("got %v, want an error that names the profile", err)
	}
	// A profile is the caller's own.
	sandbox.Profiles()[sandbox.PrairieLearn].MemoryBytes = 1
	if sandbox.Profiles()[sandbox.PrairieLearn].MemoryBytes == 1 {
		t.Error("a caller changed the built-in profile")
	}
}

func TestStrictIsStricter(t *testing.T) {
	lax, strict := sandbox.Profiles()[sandbox.PrairieLearn], sandbox.Profiles()[sandbox.Strict]
	want := &sandbox.Profile{
		Name: "strict", MemoryBytes: 256 << 20, CPUs: 0.5, Processes: 128, OpenFiles: 1024, DiskBytes: 64 << 20, GradeBytes: 256 << 20,
		GradeInodes: 50_000, ScratchBytes: 64 << 20, SharedBytes: 16 << 20, User: "1000:1000", ReadOnly: true,
		FileBytes: 64 << 20, ScratchInodes: 10_000, QueueBytes: 64 << 10, Signals: 256,
	}
	if diff := cmp.Diff(want, strict); diff != "" {
		t.Errorf("strict (-want +got):\n%s", diff)
	}
	if lax.MemoryBytes != 2<<30 || lax.CPUs != 0.9 || lax.Processes != 1024 || lax.GradeBytes != 1<<30 || lax.User != "" || lax.ReadOnly {
		t.Errorf("prairielearn: %+v", lax)
	}
}

func TestTmpfs(t *testing.T) {
	profile := sandbox.Profiles()[sandbox.PrairieLearn]
	paths := func(volumes ...string) []string {
		var paths []string
		for _, tmpfs := range profile.Tmpfs(&sandbox.Image{Volumes: volumes}) {
			paths = append(paths, tmpfs.Path)
		}
		return paths
	}
	if diff := cmp.Diff([]string{"/grade", "/tmp", "/var/tmp"}, paths()); diff != "" {
		t.Errorf("without volumes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/grade", "/tmp", "/var/tmp", "/data"}, paths("/grade", "/data", "/tmp", "/data")); diff != "" {
		t.Errorf("with volumes (-want +got):\n%s", diff)
	}
	const want = 2<<30 + 1<<30 + 2*512<<20 + 64<<20
	if got := profile.ContainerBytes(&sandbox.Image{}); got != want {
		t.Errorf("the container may have %d bytes, want %d", got, want)
	}
	if got := profile.ContainerBytes(&sandbox.Image{Volumes: []string{"/data"}}); got != want+512<<20 {
		t.Errorf("with a volume it may have %d bytes, want %d", got, want+512<<20)
	}
}

func TestCapabilities(t *testing.T) {
	profile := sandbox.Profiles()[sandbox.PrairieLearn]
	if diff := cmp.Diff([]int{0, 1, 3, 5, 6, 7}, profile.CapabilityNumbers()); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
	for _, capability := range profile.Capabilities {
		if !slices.Contains(sandbox.GuestCapabilities(), capability) {
			t.Errorf("the guest lacks %s, which it hands on", capability.Name)
		}
	}
}

func TestWithPath(t *testing.T) {
	if diff := cmp.Diff([]string{"PATH=/bin", "A=1"}, sandbox.WithPath([]string{"PATH=/bin", "A=1"})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"PATH=" + sandbox.DefaultPath, "PATHS=1"}, sandbox.WithPath([]string{"PATHS=1"})); diff != "" {
		t.Error(diff)
	}
}
