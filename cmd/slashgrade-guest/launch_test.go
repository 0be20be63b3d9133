//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompleteEnvironment(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	owner := account{home: "/home/ag"}
	for name, c := range map[string]struct{ env, want []string }{
		"nothing": {nil, []string{"HOME=/home/ag", "HOSTNAME=" + host}},
		"both":    {[]string{"HOSTNAME=mine", "HOME="}, []string{"HOSTNAME=mine", "HOME="}},
		"like":    {[]string{"HOMER=x"}, []string{"HOMER=x", "HOME=/home/ag", "HOSTNAME=" + host}},
	} {
		if diff := cmp.Diff(c.want, completeEnvironment(c.env, owner)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFindProgram(t *testing.T) {
	folder := t.TempDir()
	for name, mode := range map[string]os.FileMode{"a/tool": 0o600, "b/tool": 0o700, "c/tool/x": 0o700} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"X=1", "PATH=" + strings.Join([]string{folder + "/no", folder + "/c", folder + "/a", folder + "/b"}, ":")}
	for name, want := range map[string]string{"tool": folder + "/b/tool", "./tool": "./tool", "/x": "/x"} {
		if got, err := findProgram(name, env); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", name, got, err, want)
		}
	}
	if got, err := findProgram("none", env); err == nil {
		t.Errorf("got %s, want an error", got)
	}
}

func TestExplain(t *testing.T) {
	folder := t.TempDir()
	script := filepath.Join(folder, "script")
	if err := os.WriteFile(script, []byte("#!/bin/none\r\necho\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"interpreter": {explainExec(script, syscall.ENOENT), "Windows line ends"},
		"no file":     {explainExec(folder+"/none", syscall.ENOENT), "there is no file"},
		"permission":  {explainExec(script, syscall.EACCES), "lacks the execute permission"},
		"format":      {explainExec(script, syscall.ENOEXEC), "#!/bin/sh"},
		"too large":   {explainExec(script, syscall.E2BIG), "too large"},
		"other":       {explainExec(script, syscall.ETXTBSY), "text file busy"},
		"NUL":         {explainExec(script, syscall.EINVAL), "NUL"},
		"fork, full":  {explainFork(syscall.EAGAIN), "out of processes or memory"},
		"fork, other": {explainFork(syscall.EPERM), "operation not permitted"},
	} {
		if !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, c.err, c.want)
		}
	}
}

func TestShow(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain":   {"a b", `"a b"`},
		"escapes": {"a\n\x1b[2J\"", `"a\n\x1b[2J\""`},
		"invalid": {"a\xff", `"a�"`},
		"long":    {strings.Repeat("ä", 100), `"` + strings.Repeat("ä", 60) + `…"`},
		"cut":     {"x" + strings.Repeat("ä", 100), `"x` + strings.Repeat("ä", 59) + `…"`},
	} {
		if got := show(c.in); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}
