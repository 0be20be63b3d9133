package sandbox

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/distribution/reference"
)

// Policy says which profile the containers of an image have. A job names its image and nothing else of it.
type Policy struct {
	// Default is for images that no rule matches.
	Default *Profile
	// Images are looked at in order; the first that matches counts.
	Images []ImageRule
}

// ImageRule gives the images whose name matches a pattern their profile.
//
// The pattern is compared with the name as `docker images` shows it, without docker.io/ and library/: a job that spells the same image
// in another way gets the same profile. * stands for anything within a part of the name, ** for any number of parts, ? for one
// character, and {a,b} for either. A pattern with a tag matches that tag alone, and no image that is named by its digest; one without
// matches every tag and digest.
type ImageRule struct {
	Pattern string
	Profile *Profile
}

// Validate refuses a pattern that can match nothing.
func (r ImageRule) Validate() error {
	switch {
	case r.Pattern == "":
		return errors.New("a pattern is needed")
	case strings.Contains(r.Pattern, "@"):
		return fmt.Errorf("the pattern %q names a digest; leave that out, as a pattern without a tag matches every digest", r.Pattern)
	case !doublestar.ValidatePattern(r.Pattern):
		return fmt.Errorf("the pattern %q is not complete: a bracket is open", r.Pattern)
	default:
		return nil
	}
}

// For returns the profile of the image.
func (p *Policy) For(image string) *Profile {
	named, err := reference.ParseDockerRef(image)
	if err != nil {
		return p.Default // no engine has such an image
	}
	for _, rule := range p.Images {
		if rule.matches(named) {
			return rule.Profile
		}
	}
	return p.Default
}

func (r ImageRule) matches(named reference.Named) bool {
	name := reference.FamiliarName(named)
	if tagged, ok := named.(reference.Tagged); ok && patternHasTag(r.Pattern) {
		name += ":" + tagged.Tag()
	}
	matched, err := doublestar.Match(familiarPattern(r.Pattern), name)
	return err == nil && matched
}

func patternHasTag(pattern string) bool {
	return strings.Contains(pattern[strings.LastIndex(pattern, "/")+1:], ":")
}

// familiarPattern is the pattern as reference.FamiliarName would write a name that it matches.
func familiarPattern(pattern string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(pattern, "index.docker.io/"), "docker.io/")
	if official, ok := strings.CutPrefix(rest, "library/"); ok && !strings.Contains(official, "/") {
		return official
	}
	return rest
}
