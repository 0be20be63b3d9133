package sandbox_test

import (
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/runner/sandbox"
)

func TestPolicy(t *testing.T) {
	named := func(name string) *sandbox.Profile { return &sandbox.Profile{Name: name} }
	policy := &sandbox.Policy{Default: named("default"), Images: []sandbox.ImageRule{
		{Pattern: "course/lenient", Profile: named("first")},
		{Pattern: "course/*:v2", Profile: named("v2")},
		{Pattern: "course/*", Profile: named("course")},
		{Pattern: "docker.io/library/debian", Profile: named("debian")},
		{Pattern: "registry.example.edu:5000/**", Profile: named("registry")},
		{Pattern: "{java,c}-grader", Profile: named("braces")},
	}}
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for image, want := range map[string]string{
		"course/lenient":                           "first",
		"docker.io/course/lenient:latest":          "first",
		"index.docker.io/course/lenient":           "first",
		"course/lenient:v2":                        "first",
		"course/grader":                            "course",
		"course/grader:v2":                         "v2",
		"course/grader:v2" + digest:                "course", // the tag is not looked at, by Docker neither
		"course/grader" + digest:                   "course",
		"course/grader/deep":                       "default",
		"othercourse/grader":                       "default",
		"debian":                                   "debian",
		"library/debian:trixie-slim":               "debian",
		"docker.io/library/debian":                 "debian",
		"elsewhere.example/library/debian":         "default",
		"registry.example.edu:5000/a":              "registry",
		"registry.example.edu:5000/a/b/c:1":        "registry",
		"registry.example.edu/a":                   "default",
		"java-grader:3":                            "braces",
		"--privileged":                             "default",
		"":                                         "default",
		"COURSE/lenient":                           "default",
		"course/lenient " + "":                     "default",
		"0123456789abcdef0123456789abcdef01234567": "default",
	} {
		if got := policy.For(image).Name; got != want {
			t.Errorf("image %q has profile %s, want %s", image, got, want)
		}
	}
}

func TestImageRules(t *testing.T) {
	for pattern, want := range map[string]string{"": "needed", "a[": "open", "a@sha256:*": "digest", "a/*": "", "a/{b,c}:1": ""} {
		err := sandbox.ImageRule{Pattern: pattern}.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("pattern %q: got %v, want an error with %q", pattern, err, want)
		}
	}
}
