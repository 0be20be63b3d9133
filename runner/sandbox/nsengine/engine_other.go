//go:build !linux

package nsengine

import "github.com/slashgrade/slashgrade/runner/sandbox/ociengine"

// New returns an error: namespaces are Linux's.
func New(opts *ociengine.Options) (*ociengine.Engine, error) { return ociengine.New(opts) }
