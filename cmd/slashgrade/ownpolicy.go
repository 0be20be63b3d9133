package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// OwnPolicy is what an operator adds to the built-in profiles: the tables [profiles.NAME] and [[images]] of the file. They have no
// variables and no flags.
type OwnPolicy struct {
	Profiles map[string]*sandbox.Profile
	Images   []ImageConfig
}

// ImageConfig gives the images that a pattern matches a profile, a runtime, or both.
type ImageConfig struct {
	Pattern string
	Profile string // "" is runner.profile
	Runtime string // "" is the profile's
}

// profileName is what a profile may be called: it stands in logs and keys.
const profileName = `^[a-z0-9][a-z0-9_-]{0,62}$`

// maxImages bounds the rules, which every job goes through.
const maxImages = 1000

// read takes its tables out of the file's and refuses what is wrong in them.
func (o *OwnPolicy) read(file map[string]any) error {
	profiles, images := file["profiles"], file["images"]
	delete(file, "profiles")
	delete(file, "images")
	return errors.Join(o.readProfiles(profiles), o.readImages(images))
}

func (o *OwnPolicy) readProfiles(tables any) error {
	if tables == nil {
		return nil
	}
	list, ok := tables.(map[string]any)
	if !ok {
		return errors.New("profiles: each must be a table [profiles.NAME]")
	}
	o.Profiles = map[string]*sandbox.Profile{}
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(list)) {
		profile, err := newProfile(name, list[name])
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		o.Profiles[name] = profile
	}
	return errors.Join(wrong...)
}

// newProfile is a built-in profile with other limits.
func newProfile(name string, table any) (*sandbox.Profile, error) {
	at := "profiles." + name
	values, ok := table.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: it must be a table [profiles.NAME] with the key base", at)
	}
	if !regexp.MustCompile(profileName).MatchString(name) {
		return nil, fmt.Errorf("%s: a name has small letters, digits, - and _, and at most 63 of them", at)
	}
	if sandbox.Profiles()[name] != nil {
		return nil, fmt.Errorf("%s: this profile is built in and stays as it is; choose another name, with base = %q", at, name)
	}
	base, ok := values["base"].(string)
	if !ok {
		return nil, fmt.Errorf("%s.base: it must name the built-in profile that this one begins as", at)
	}
	profile, err := sandbox.FindProfile(base, nil)
	if err != nil {
		return nil, fmt.Errorf("%s.base: %w", at, err)
	}
	profile.Name = name
	var wrong []error
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if key == "base" {
			continue
		}
		if err := profile.Set(key, values[key]); err != nil {
			wrong = append(wrong, fmt.Errorf("%s.%s: %w", at, key, err))
		}
	}
	return profile, errors.Join(wrong...)
}

func (o *OwnPolicy) readImages(tables any) error {
	if tables == nil {
		return nil
	}
	list, ok := tables.([]any)
	if !ok {
		return errors.New("images: each must be a table [[images]]")
	}
	if len(list) > maxImages {
		return fmt.Errorf("images: there may be %d, found %d", maxImages, len(list))
	}
	var wrong []error
	for i, table := range list {
		rule, err := newImageConfig(table)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("images, number %d: %w", i+1, err))
			continue
		}
		o.Images = append(o.Images, *rule)
	}
	return errors.Join(wrong...)
}

func newImageConfig(table any) (*ImageConfig, error) {
	values, ok := table.(map[string]any)
	if !ok {
		return nil, errors.New("it must be a table [[images]]")
	}
	rule := &ImageConfig{}
	fields := map[string]*string{"pattern": &rule.Pattern, "profile": &rule.Profile, "runtime": &rule.Runtime}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		field, known := fields[key]
		text, isText := values[key].(string)
		switch {
		case !known:
			return nil, fmt.Errorf("there is no key %s; there are pattern, profile and runtime", key)
		case !isText:
			return nil, fmt.Errorf("%s must be a text, found %v", key, values[key])
		}
		*field = text
	}
	return rule, nil
}

// policy is what the configuration says about containers, with every name resolved.
func (c *Config) policy() (*sandbox.Policy, error) {
	var wrong []error
	policy := &sandbox.Policy{}
	var err error
	if policy.Default, err = c.profile(c.Runner.Profile, ""); err != nil {
		wrong = append(wrong, fmt.Errorf("runner.profile: %w", err))
	}
	for i, image := range c.Own.Images {
		rule := sandbox.ImageRule{Pattern: image.Pattern}
		var found error
		if image.Profile == "" {
			image.Profile = c.Runner.Profile
		}
		rule.Profile, found = c.profile(image.Profile, image.Runtime)
		if err := errors.Join(rule.Validate(), found); err != nil {
			wrong = append(wrong, fmt.Errorf("images, number %d: %w", i+1, err))
		}
		policy.Images = append(policy.Images, rule)
	}
	if err := (&sandbox.Profile{}).Set("runtime", c.Engine.Runtime); err != nil {
		wrong = append(wrong, fmt.Errorf("engine.runtime: %w", err))
	}
	return policy, errors.Join(wrong...)
}

// profile is the profile of that name with a runtime: the one given, else the profile's own, else the engine's.
func (c *Config) profile(name, runtime string) (*sandbox.Profile, error) {
	found, err := sandbox.FindProfile(name, c.Own.Profiles)
	if err != nil {
		return nil, err
	}
	profile := *found
	if runtime != "" {
		return &profile, profile.Set("runtime", runtime)
	}
	if profile.Runtime == "" {
		profile.Runtime = c.Engine.Runtime
	}
	return &profile, nil
}
