//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDiskBudget(t *testing.T) {
	budget := newDiskBudget(1000, 50_000)
	steps := []struct {
		free    int64
		spent   bool
		written int64 // by the count, where it is spent
	}{
		{free: 50_000},
		{free: 49_000},
		{free: 48_999, spent: true, written: 200}, // others wrote most of it: 800 are left
		{free: 48_199},
		{free: 49_999}, // others gave back
		{free: 49_199},
		{free: 49_198, spent: true, written: 999}, // one is left, a sixteenth is the step
		{free: 49_136},
		{free: 49_135, spent: true, written: 1000},
	}
	for i, step := range steps {
		if got := budget.spent(step.free); got != step.spent {
			t.Fatalf("step %d, %d free: spent %t, want %t", i, step.free, got, step.spent)
		}
		if step.spent {
			budget.renew(step.free, step.written)
		}
	}
}

func TestWrittenCount(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	before := time.Now().Add(time.Hour)
	count := func(since time.Time) int64 {
		t.Helper()
		c := &writtenCount{since: since, linked: map[uint64]bool{}}
		root, err := os.OpenRoot(folder)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = root.Close() }()
		c.folder(root, 0)
		return c.sum
	}
	var none time.Time
	const size = 100_000
	for _, err := range []error{
		os.WriteFile(at("file"), []byte(strings.Repeat("x", size)), 0o600),
		os.Link(at("file"), at("again")),
		os.Symlink("/", at("link")),
		os.MkdirAll(at("d/e"), 0o700),
		os.WriteFile(at("d/e/empty"), nil, 0o600),
		os.WriteFile(at("hole"), nil, 0o600),
		os.Truncate(at("hole"), 1<<40),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	// The file once, and five other inodes at a block each.
	if got := count(none); got < size+5*inodeBytes || got > size+5*inodeBytes+2*inodeBytes {
		t.Errorf("counted %d bytes, want about %d", got, size+5*inodeBytes)
	}
	if got := count(before); got != 0 {
		t.Errorf("counted %d bytes of files that did not change", got)
	}
	for i := range 3 * namesAtOnce {
		if err := os.WriteFile(at(fmt.Sprint("d/", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(none); got < size+(5+3*namesAtOnce)*inodeBytes {
		t.Errorf("counted %d bytes with many empty files", got)
	}
	if err := os.MkdirAll(at(strings.Repeat("d/", maxWritten+2)), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := count(none); got < 1<<60 {
		t.Errorf("counted %d bytes with a tree that is too deep, want more than any limit", got)
	}
}
