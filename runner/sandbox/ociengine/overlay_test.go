//go:build linux

package ociengine

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/internal/testenv"
)

// TestManyLayers mounts as many layers as Docker allows, whose folders' names would not fit into one mount.
func TestManyLayers(t *testing.T) {
	testenv.NeedsOCI(t)
	const most = 127
	folder := t.TempDir()
	root, disk := filepath.Join(folder, "rootfs"), filepath.Join(folder, "disk")
	var layers []string
	for i := range most {
		layer := filepath.Join(folder, strings.Repeat("x", 64), strconv.Itoa(i))
		for _, name := range []string{"all", strconv.Itoa(i)} {
			write(t, filepath.Join(layer, name), strconv.Itoa(i))
		}
		layers = append(layers, layer)
	}
	for _, made := range []string{root, filepath.Join(disk, "upper"), filepath.Join(disk, "work")} {
		if err := os.MkdirAll(made, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := mountOverlay(root, disk, layers); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unmount(root); err != nil {
			t.Error(err)
		}
	}()
	if entries, err := os.ReadDir(root); err != nil || len(entries) != most+1 {
		t.Errorf("the root has %d files, %v, want %d", len(entries), err, most+1)
	}
	if top, err := os.ReadFile(filepath.Join(root, "all")); err != nil || string(top) != "0" {
		t.Errorf("the topmost layer's file holds %q, %v", top, err)
	}
	write(t, filepath.Join(root, "new"), "new")
	if _, err := os.Stat(filepath.Join(disk, "upper", "new")); err != nil {
		t.Errorf("what was written is not on the disk: %v", err)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil || strings.Contains(string(mounts), "lowerdir="+folder) {
		t.Errorf("the mount shows paths of the host, %v", err)
	}
}

func TestLayersGone(t *testing.T) {
	folder := t.TempDir()
	for _, made := range []string{"upper", "work"} {
		write(t, filepath.Join(folder, made, "file"), "")
	}
	if err := mountOverlay(folder, folder, []string{filepath.Join(folder, "gone")}); !errors.Is(err, errLayersGone) {
		t.Errorf("got %v, want %v", err, errLayersGone)
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
