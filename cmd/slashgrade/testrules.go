package main

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
)

// rules are what decides over a job beside its files and image, as text: the program and its policy.
func (h *deskHost) rules() (string, error) {
	policy, err := h.config.policy()
	if err != nil {
		return "", err
	}
	text, err := json.Marshal([]any{programName(), h.config.Runner.MaxTimeout, policy})
	if err != nil {
		return "", fmt.Errorf("describe the policy: %w", err)
	}
	return string(text), nil
}

// programName tells builds of the program apart: the version, and for development builds the commit.
func programName() string {
	name := version
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return name
	}
	for _, setting := range info.Settings {
		if strings.HasPrefix(setting.Key, "vcs.") {
			name += " " + setting.Value
		}
	}
	return name
}
