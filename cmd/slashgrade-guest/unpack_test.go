//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// entry is an entry of an archive.
type entry struct {
	name, content, link string
	kind                byte // 0 is a regular file
	mode                int64
}

func pack(tb testing.TB, entries ...entry) []byte {
	tb.Helper()
	packed := make([]testenv.Entry, 0, len(entries))
	for _, e := range entries {
		packed = append(packed, testenv.Entry{Name: e.name, Content: e.content, Mode: e.mode, Link: e.link, Type: e.kind})
	}
	return testenv.Archive(tb, packed...)
}

// me owns what these tests unpack.
func me() account { return account{uid: os.Getuid(), gid: os.Getgid()} }

func limits() *guest.Prepare {
	return &guest.Prepare{MaxBytes: 1 << 20, MaxEntries: 100, MaxTime: time.Minute, Executable: "/grade/tests/run.sh"}
}

// tree lists a folder: modes, and contents or targets.
func tree(tb testing.TB, folder string) map[string]string {
	tb.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		text := info.Mode().String()
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += " " + string(content)
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			text += " " + target
		}
		found[name] = text
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

func TestUnpack(t *testing.T) {
	folder := t.TempDir()
	archive := pack(
		t,
		entry{name: "./", kind: tar.TypeDir, mode: 0o755},
		entry{name: "tests/run.sh", content: "#!/bin/sh\n", mode: 0o640},
		entry{name: "shut/", kind: tar.TypeDir, mode: 0o500},
		entry{name: "shut/in", content: "in", mode: 0o6755},
		entry{name: "link", kind: tar.TypeSymlink, link: "/etc/passwd"},
		entry{name: "hard", kind: tar.TypeLink, link: "shut/in"},
		entry{name: "twice", content: "first"},
		entry{name: "twice", content: "second"},
	)
	ready, err := unpackArchive(bytes.NewReader(archive), folder, limits(), me(), unwatched)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&guest.Ready{Entries: 8, Bytes: 23}, ready); diff != "" {
		t.Errorf("ready (-want +got):\n%s", diff)
	}
	want := map[string]string{
		".": "drwxr-xr-x", "tests": "drwxr-xr-x", "tests/run.sh": "-rwxr-x--x #!/bin/sh\n", "shut": "dr-x------", "shut/in": "-rwxr-xr-x in",
		"link": "Lrwxrwxrwx /etc/passwd", "hard": "-rwxr-xr-x in", "twice": "-rw-r--r-- second",
	}
	if diff := cmp.Diff(want, tree(t, folder)); diff != "" {
		t.Errorf("folder (-want +got):\n%s", diff)
	}
	if err := os.Chmod(filepath.Join(folder, "shut"), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestExecutable(t *testing.T) {
	script := entry{name: "tests/run.sh", content: "x", mode: 0o600}
	for name, c := range map[string]struct {
		path string
		want string
	}{
		"as it is":        {"/grade/tests/run.sh", "-rwx--x--x x"},
		"in another form": {"/grade//tests/./run.sh", "-rwx--x--x x"},
		"outside":         {"/etc/passwd", "-rw------- x"},
		"upwards":         {"/grade/../grade/tests/run.sh", "-rwx--x--x x"},
		"relative":        {"tests/run.sh", "-rw------- x"},
		"none":            {"", "-rw------- x"},
		"through a link":  {"/grade/link/run.sh", "-rw------- x"},
		"a link":          {"/grade/script", "-rw------- x"},
		"a folder":        {"/grade/tests", "-rw------- x"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			order := limits()
			order.Executable = c.path
			archive := pack(t, script, entry{name: "link", kind: tar.TypeSymlink, link: "tests"},
				entry{name: "script", kind: tar.TypeSymlink, link: "tests/run.sh"})
			if _, err := unpackArchive(bytes.NewReader(archive), folder, order, me(), unwatched); err != nil {
				t.Fatal(err)
			}
			if got := tree(t, folder)["tests/run.sh"]; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestUnpackRefuses(t *testing.T) {
	sub := func(kind byte, name, link string) entry { return entry{kind: kind, name: name, link: link} }
	for name, c := range map[string]struct {
		entries []entry
		want    string
	}{
		"traversal":          {[]entry{{name: "../x"}}, "holds .."},
		"absolute":           {[]entry{{name: "/x"}}, "begins with /"},
		"through a link":     {[]entry{sub(tar.TypeSymlink, "a", ".."), {name: "a/x"}}, "cannot be a folder as well"},
		"hard link out":      {[]entry{sub(tar.TypeLink, "a", "../x")}, "holds .."},
		"hard link to link":  {[]entry{sub(tar.TypeSymlink, "a", "/etc/passwd"), sub(tar.TypeLink, "b", "a")}, "not a file in the archive"},
		"device":             {[]entry{sub(tar.TypeBlock, "a", "")}, "devices and FIFOs"},
		"too many":           {make([]entry, 101), "an entry's name is empty"},
		"too many of a name": {repeated(entry{name: "a"}, 101), "more than 100 entries"},
		"too large":          {[]entry{{name: "a", content: strings.Repeat("x", 1<<20)}, {name: "b", content: "x"}}, "larger than 1048576 bytes"},
		"too deep":           {[]entry{{name: strings.Repeat("d/", 200) + "x"}}, "more than 200 folders deep"},
	} {
		t.Run(name, func(t *testing.T) {
			outside := t.TempDir()
			folder := filepath.Join(outside, "grade")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			_, err := unpackArchive(bytes.NewReader(pack(t, c.entries...)), folder, limits(), me(), unwatched)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if got, err := os.ReadDir(outside); err != nil || len(got) != 1 {
				t.Errorf("beside the folder there is %v, %v", got, err)
			}
		})
	}
}

func repeated(e entry, count int) []entry {
	entries := make([]entry, count)
	for i := range entries {
		entries[i] = e
	}
	return entries
}

// TestManyLongNames is refused before the names take the container's memory.
func TestManyLongNames(t *testing.T) {
	u := &unpacker{limits: limits(), folders: map[string]bool{".": true}, modes: map[string]fs.FileMode{}, names: maxNames}
	if err := u.folder("name"); err == nil || !strings.Contains(err.Error(), "names of its folders") {
		t.Errorf("got %v, want an error about the names", err)
	}
}

// slowly reads with a pause before every piece.
type slowly struct {
	io.Reader
	pause time.Duration
}

func (s slowly) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	return s.Reader.Read(p)
}

// TestSlowArchive tells an archive that takes long to unpack from one that takes long to come.
func TestSlowArchive(t *testing.T) {
	archive := pack(t, entry{name: "a", content: "x"}, entry{name: "b", content: "y"})
	order := limits()
	order.MaxTime = time.Minute
	busy := func(string, *tar.Header) { order.MaxTime = 0 } // all of the time is gone with the first entry
	if _, err := unpackArchive(bytes.NewReader(archive), t.TempDir(), order, me(), busy); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("got %v, want an error about the time", err)
	}
	order.MaxTime = time.Second
	late := slowly{bytes.NewReader(archive), 2 * order.MaxTime}
	if _, err := unpackArchive(late, t.TempDir(), order, me(), unwatched); err != nil {
		t.Errorf("an archive that came late: %v", err)
	}
}

// FuzzUnpack unpacks anything: nothing may appear outside, and what is inside is within the limits, whatever the answer is.
func FuzzUnpack(f *testing.F) {
	f.Add(pack(f, entry{name: "a/b", content: "x"}, entry{name: "a/", kind: tar.TypeDir, mode: 0o700}))
	f.Add(pack(f, entry{name: "a", kind: tar.TypeSymlink, link: ".."}, entry{name: "a/b", content: "x"}))
	f.Add(pack(f, entry{name: "a", content: "x"}, entry{name: "b", kind: tar.TypeLink, link: "a"}, entry{name: "a", content: "y"}))
	f.Add(pack(f, entry{name: "a", kind: tar.TypeFifo}))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, archive []byte) {
		// What is compressed is hard to change usefully: the content is changed, too.
		fuzzOne(t, archive)
		var zipped bytes.Buffer
		zip := gzip.NewWriter(&zipped)
		if reader, err := gzip.NewReader(bytes.NewReader(archive)); err == nil {
			archive, _ = io.ReadAll(io.LimitReader(reader, 1<<20))
		}
		_, _ = zip.Write(archive)
		_ = zip.Close()
		fuzzOne(t, zipped.Bytes())
	})
}

func fuzzOne(t *testing.T, archive []byte) {
	t.Helper()
	outside := t.TempDir()
	folder := filepath.Join(outside, "grade")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	order := limits()
	_, err := unpackArchive(bytes.NewReader(archive), folder, order, me(), unwatched)
	if err != nil && len(err.Error()) > 1000 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
	if found, err := os.ReadDir(outside); err != nil || len(found) != 1 {
		t.Fatalf("beside the folder there is %v, %v", found, err)
	}
	var size int64
	_ = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // a mode that shuts us out
		}
		info, err := entry.Info()
		if err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		if err == nil && info.Mode()&(fs.ModeDevice|fs.ModeNamedPipe|fs.ModeSetuid|fs.ModeSetgid) != 0 {
			t.Errorf("%s is a %s", path, info.Mode())
		}
		_ = os.Chmod(path, info.Mode()|0o700) // so that it can be removed
		return nil
	})
	if size > order.MaxBytes*int64(order.MaxEntries) { // hard links count for each name
		t.Errorf("%d bytes were unpacked", size)
	}
}

func unwatched(string, *tar.Header) {}
