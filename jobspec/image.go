package jobspec

import (
	"strings"

	"github.com/distribution/reference"
)

// imageRule is the rule of image names that name breaks, "" if none: what docker pull takes, which is never an option, a path or an
// image ID.
func imageRule(name string) string {
	if _, err := reference.ParseNormalizedNamed(name); err == nil {
		return ""
	}
	if _, err := reference.ParseNormalizedNamed(strings.ToLower(name)); err == nil {
		return "must be in lower case but for the tag"
	}
	return "must be an image's name such as debian:trixie-slim or python@sha256:…"
}
