//go:build !linux

package footprint

// dropProgram does nothing: the runner serves on Linux.
func dropProgram() error { return nil }
