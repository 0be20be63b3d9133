package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

func TestOwnPolicy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "slashgrade.toml")
	text := `
[runner]
profile = "strict"
[engine]
runtime = "runsc"
[profiles.java]
base = "prairielearn"
memory = "4GiB"
cpus = 2
runtime = "kata"
[[images]]
pattern = "eecs/java-old"
profile = "java"
runtime = "runc"
[[images]]
pattern = "eecs/java-*"
profile = "java"
[[images]]
pattern = "course/*"
profile = "prairielearn"
[[images]]
pattern = "fast/*"
runtime = "runc"
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := (&configFlags{file: file}).load()
	if err != nil {
		t.Fatal(err)
	}
	policy, err := config.policy()
	if err != nil {
		t.Fatal(err)
	}
	changed := func(base string, change func(*sandbox.Profile)) *sandbox.Profile {
		profile := sandbox.Profiles()[base]
		change(profile)
		return profile
	}
	java := func(runtime string) *sandbox.Profile {
		return changed(sandbox.PrairieLearn, func(p *sandbox.Profile) {
			p.Name, p.MemoryBytes, p.CPUs, p.Runtime = "java", 4<<30, 2, runtime
		})
	}
	for image, want := range map[string]*sandbox.Profile{
		"eecs/java-old":  java("runc"),
		"eecs/java-new":  java("kata"),
		"course/grader":  changed(sandbox.PrairieLearn, func(p *sandbox.Profile) { p.Runtime = "runsc" }),
		"fast/grader":    changed(sandbox.Strict, func(p *sandbox.Profile) { p.Runtime = "runc" }),
		"unknown/grader": changed(sandbox.Strict, func(p *sandbox.Profile) { p.Runtime = "runsc" }),
	} {
		if diff := cmp.Diff(want, policy.For(image)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", image, diff)
		}
	}
}
