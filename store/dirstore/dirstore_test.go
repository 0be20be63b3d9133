package dirstore_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/store"
	"github.com/slashgrade/slashgrade/store/dirstore"
	"github.com/slashgrade/slashgrade/store/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestConformance(t *testing.T) {
	parent := t.TempDir()
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T) store.Files {
			t.Helper()
			return open(t, filepath.Join(parent, "files"))
		},
		Bucket: "embedded",
		CheckOutside: func(t *testing.T) {
			t.Helper()
			if names := list(t, parent); len(names) != 1 {
				t.Errorf("beside the store lie %q", names)
			}
			if names := list(t, filepath.Join(parent, "files", "%temp")); len(names) != 0 {
				t.Errorf("temporary files are left: %q", names)
			}
		},
	})
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "store")
	put(t, open(t, dir), jobspec.Location{Bucket: "b", Root: "job"}, "x", "secret")
	for name, want := range map[string]fs.FileMode{
		".": fs.ModeDir | 0o700, "%temp": fs.ModeDir | 0o700, "b": fs.ModeDir | 0o700, "b/job": fs.ModeDir | 0o700, "b/job/x": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestAnyBytesAreANameOfTheirOwn(t *testing.T) {
	files := open(t, t.TempDir())
	parts := []string{
		"", ".", "..", "/", "\x00", "a", "A", "%61", "%empty", "%temp", "a\x00", "\xff", "a.", ".a",
		strings.Repeat("x", 200), strings.Repeat("x", 201),
		strings.Repeat("x", 5000), "%sha256-" + strings.Repeat("0", 64), "\u0061\u0308", "\u00e4",
	}
	at := func(i, j int) jobspec.Location { return jobspec.Location{Bucket: parts[i], Root: parts[j]} }
	for i := range parts {
		for j := range parts {
			put(t, files, at(i, j), parts[(i+j)%len(parts)], parts[i]+"|"+parts[j])
		}
	}
	for i := range parts {
		for j := range parts {
			want(t, files, at(i, j), parts[(i+j)%len(parts)], parts[i]+"|"+parts[j])
		}
	}
}

func TestLinksDoNotLeadOut(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "x"), []byte("the host's"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := open(t, dir)
	symlink(t, outside, filepath.Join(dir, "bucket"))
	put(t, files, jobspec.Location{Bucket: "b", Root: "job"}, "y", "ours")
	symlink(t, filepath.Join(outside, "x"), filepath.Join(dir, "b", "job", "x"))

	if _, err := files.Open(t.Context(), jobspec.Location{Bucket: "b", Root: "job"}, "x"); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("open of a link to a file outside: got %v, want store.ErrNotExist", err)
	}
	if err := files.Put(t.Context(), jobspec.Location{Bucket: "bucket", Root: "job"}, "x", strings.NewReader("new")); err == nil {
		t.Error("a file was put through a link to a folder outside")
	}
	put(t, files, jobspec.Location{Bucket: "b", Root: "job"}, "x", "new") // replaces the link, not what it leads to
	want(t, files, jobspec.Location{Bucket: "b", Root: "job"}, "x", "new")
	if data, err := os.ReadFile(filepath.Join(outside, "x")); err != nil || string(data) != "the host's" {
		t.Errorf("the file outside is now %q, %v", data, err)
	}
	if names := list(t, outside); len(names) != 1 {
		t.Errorf("outside lie %q", names)
	}
}

func TestNotARegularFile(t *testing.T) {
	dir := t.TempDir()
	files := open(t, dir)
	if err := os.MkdirAll(filepath.Join(dir, "b", "job", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Open(t.Context(), jobspec.Location{Bucket: "b", Root: "job"}, "x"); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("got %v, want store.ErrNotExist", err)
	}
}

func TestOpenRemovesOldLeftovers(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	temp := filepath.Join(dir, "%temp")
	for name, age := range map[string]time.Duration{"old": 2 * time.Hour, "young": time.Minute} {
		if err := os.WriteFile(filepath.Join(temp, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(filepath.Join(temp, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	open(t, dir)
	if names := list(t, temp); len(names) != 1 || names[0] != "young" {
		t.Errorf("left are %q, want the young one: it may still be written", names)
	}
}

func TestOpenFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := dirstore.Open(file); err == nil {
		t.Error("a file was opened as a store")
	}
}

func TestClosed(t *testing.T) {
	files := open(t, t.TempDir())
	at := jobspec.Location{Bucket: "b", Root: "job"}
	put(t, files, at, "x", "content")
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Open(t.Context(), at, "x"); err == nil || errors.Is(err, store.ErrNotExist) {
		t.Errorf("open in a closed store: got %v, want an error that is not store.ErrNotExist", err)
	}
	if err := files.Put(t.Context(), at, "x", strings.NewReader("new")); err == nil {
		t.Error("put in a closed store succeeded")
	}
}

func open(t *testing.T, dir string) *dirstore.Dir {
	t.Helper()
	files, err := dirstore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	return files
}

func put(t *testing.T, files store.Files, at jobspec.Location, name, content string) {
	t.Helper()
	if err := files.Put(t.Context(), at, name, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, files store.Files, at jobspec.Location, name, content string) {
	t.Helper()
	file, err := files.Open(t.Context(), at, name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if data, err := io.ReadAll(file); err != nil || string(data) != content {
		t.Errorf("%q below %q: got %.40q, %v, want %.40q", name, at.Root, data, err, content)
	}
}

func symlink(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
