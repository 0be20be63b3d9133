//go:build linux

package nsengine

import "github.com/slashgrade/slashgrade/runner/sandbox/ociengine"

// New returns an engine whose containers are started without a runtime, but for the first of each set of capabilities. The options'
// Starter is not looked at.
func New(opts *ociengine.Options) (*ociengine.Engine, error) {
	runtime, err := ociengine.FindRuntime(opts.Runtime)
	if err != nil {
		return nil, err
	}
	own := *opts
	own.Starter = NewStarter(runtime)
	return ociengine.New(&own)
}
