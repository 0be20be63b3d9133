package desk_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/desk"
)

// Each of these changes is told, and what only looks like one is not.
func TestWatcher(t *testing.T) {
	folder := t.TempDir()
	tree, beside := filepath.Join(folder, "question"), filepath.Join(folder, "answer.py")
	for _, dir := range []string{filepath.Join(tree, "tests"), filepath.Join(tree, ".git")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(time.Now().String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(beside)
	watcher, err := desk.NewWatcher([]string{tree, beside})
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close() //nolint:errcheck // the test is over
	told := func(limit time.Duration) bool {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		err := watcher.Wait(ctx)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		return err == nil
	}
	replace := func(name string) {
		t.Helper()
		draft := filepath.Join(folder, "draft")
		write(draft)
		if err := os.Rename(draft, name); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(){
		"a file of the tree":    func() { write(filepath.Join(tree, "tests", "test.py")) },
		"the file beside":       func() { write(beside) },
		"the file beside, anew": func() { replace(beside) },
		"a file in a new folder": func() {
			_ = os.MkdirAll(filepath.Join(tree, "new", "er"), 0o755)
			told(10 * time.Second)
			write(filepath.Join(tree, "new", "x"))
		},
		"a file that goes": func() {
			write(filepath.Join(tree, "gone"))
			told(10 * time.Second)
			_ = os.Remove(filepath.Join(tree, "gone"))
		},
		"a file that is replaced": func() { replace(filepath.Join(tree, "info.json")) },
	} {
		change()
		if !told(20 * time.Second) {
			t.Errorf("%s: nothing is told", name)
		}
		for told(100 * time.Millisecond) { // what came late of it
		}
	}
	for _, name := range []string{filepath.Join(tree, ".git", "index"), filepath.Join(tree, "tests", ".test.py.swp"), filepath.Join(folder, "other.py")} {
		write(name)
		if told(300 * time.Millisecond) {
			t.Errorf("%s is told", name)
		}
	}
}
