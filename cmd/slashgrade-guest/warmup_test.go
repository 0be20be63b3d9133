//go:build linux

package main

import (
	"archive/tar"
	"testing"

	"pgregory.net/rapid"
)

func TestShadowed(t *testing.T) {
	l := newLoaded(&announcement{Folders: []string{"lib/course/", "./tests"}, Names: []string{"numpy"}})
	for name, c := range map[string]struct {
		entry string
		kind  byte
		want  bool
	}{
		"module":              {"lib/course/numpy.py", tar.TypeReg, true},
		"package":             {"tests/numpy", tar.TypeDir, true},
		"in a package":        {"tests/numpy/linalg/x.py", tar.TypeReg, true},
		"compiled":            {"tests/numpy.abi3.so", tar.TypeReg, true},
		"link":                {"tests/numpy", tar.TypeSymlink, true},
		"folder":              {"lib/course", tar.TypeDir, false},
		"link for a folder":   {"lib/course", tar.TypeSymlink, true},
		"link above a folder": {"lib", tar.TypeSymlink, true},
		"file above a folder": {"lib", tar.TypeReg, true},
		"another link":        {"li", tar.TypeSymlink, false},
		"another module":      {"tests/numpy_x.py", tar.TypeReg, false},
		"hidden":              {"tests/.numpy", tar.TypeReg, false},
		"another folder":      {"lib/numpy.py", tar.TypeReg, false},
		"deeper":              {"tests/x/numpy.py", tar.TypeReg, false},
		"the top":             {".", tar.TypeDir, false},
	} {
		if got := l.shadowed(c.entry, c.kind); got != c.want {
			t.Errorf("%s: %s shadows: %v, want %v", name, c.entry, got, c.want)
		}
	}
}

// TestNothingLoadedShadowsNothing holds for a warm-up that names nothing, whatever the archive.
func TestNothingLoadedShadowsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLoaded(&announcement{Folders: []string{"a"}})
		name, err := cleanName(rapid.StringMatching(`[b-d./]{1,20}`).Draw(t, "name"))
		if err == nil && l.shadowed(name, tar.TypeReg) {
			t.Errorf("%q shadows", name)
		}
	})
}
