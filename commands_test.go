package slashgrade_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/internal/testenv"
)

// blockLimit ends a block of commands that hangs; the slowest build three programs on a busy machine.
const blockLimit = 5 * time.Minute

// dryRuns are commands that are not run but shown by `make --dry-run`, with the reason.
func dryRuns() map[string]string {
	return map[string]string{
		"make demo":  "it installs an engine where there is none; its steps are run by other blocks",
		"make test":  "it runs this test",
		"make check": "it takes minutes and is run beside the tests wherever the tests are",
	}
}

// TestCommands runs every block of shell commands of the documents, in order, in a copy of the project.
func TestCommands(t *testing.T) {
	for _, d := range pages(t) {
		t.Run(filepath.Base(d.name), func(t *testing.T) {
			var blocks []block
			for _, b := range d.blocks() {
				if len(b.info) > 0 && b.info[0] == "sh" {
					blocks = append(blocks, b)
				}
			}
			if len(blocks) == 0 {
				return
			}
			folder := copyProject(t)
			for _, b := range blocks {
				t.Run(fmt.Sprintf("line %d", b.line), func(t *testing.T) { b.run(t, folder) })
			}
		})
	}
}

// TestBlocksAreMarked keeps commands and examples from hiding in blocks that are not tried.
func TestBlocksAreMarked(t *testing.T) {
	known := []string{"sh", "json", "toml", "text"} // each but text is tried
	for _, d := range pages(t) {
		for _, b := range d.blocks() {
			if len(b.info) == 0 || !slices.Contains(known, b.info[0]) {
				t.Errorf("%s:%d: a block is marked %q, want one of %q", d.name, b.line, b.info, known)
			}
		}
	}
}

// copyProject copies the project's files into a folder, built programs and caches left out.
func copyProject(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range tracked(t) {
		if err := copyFile(filepath.FromSlash(name), filepath.Join(folder, filepath.FromSlash(name))); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func copyFile(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if info.Mode()&os.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	copied, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(copied, source)
	return errors.Join(err, copied.Close())
}

// needs stops the test unless what the block's words name is here.
func (b *block) needs(t *testing.T) {
	t.Helper()
	for _, word := range b.info[1:] {
		switch word {
		case "docker":
			testenv.NeedsDocker(t)
		case "python-grader":
			testenv.NeedsImage(t, "slashgrade/python-grader:dev", "make images")
		case "localstack":
			testenv.NeedsDocker(t)
			testenv.NeedsLocalStack(t)
		default:
			t.Fatalf("a block of commands needs %q, which nobody knows", word)
		}
	}
}

// run runs the block with bash, which ends at the first command with another status than it should have.
func (b *block) run(t *testing.T, folder string) {
	t.Helper()
	b.needs(t)
	ctx, cancel := context.WithTimeout(t.Context(), blockLimit)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-euxo", "pipefail", "-c", b.script())
	shell.Dir, shell.Env = folder, environment(t)
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what a failed block left in the background ends too
	shell.Cancel = func() error { return syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) }
	shell.WaitDelay = 10 * time.Second
	out, err := shell.CombinedOutput()
	if shell.Process != nil {
		_ = syscall.Kill(-shell.Process.Pid, syscall.SIGKILL)
	}
	if err != nil {
		t.Errorf("%v; the output:\n%s", err, out)
	}
}

// wantedStatus ends a command that must not end with status 0. It stands on one line.
var wantedStatus = regexp.MustCompile(`^(.+?) +# exit status ([0-9]+)$`)

func (b *block) script() string {
	var script strings.Builder
	for line := range strings.Lines(b.text) {
		line = strings.TrimSuffix(line, "\n")
		if found := wantedStatus.FindStringSubmatch(line); found != nil {
			fmt.Fprintf(&script, "status=0; %s || status=$?; test $status = %s\n", found[1], found[2])
			continue
		}
		if _, dry := dryRuns()[line]; dry {
			line = "make --dry-run" + strings.TrimPrefix(line, "make")
		}
		script.WriteString(line + "\n")
	}
	return script.String()
}

// environment is a reader's, with a home, a data directory and caches of its own, and the Go caches of this machine.
func environment(t *testing.T) []string {
	t.Helper()
	home := t.TempDir()
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "SLASHGRADE_") || strings.HasPrefix(entry, "AWS_") || strings.HasPrefix(entry, "MAKE")
	})
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOFLAGS"} {
		value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(value)))
	}
	return append(env,
		"HOME="+home, "XDG_CACHE_HOME="+filepath.Join(home, ".cache"),
		"SLASHGRADE_RUNNER_DATA_DIR="+filepath.Join(home, "data"),
		"SLASHGRADE_ENGINE_PULL=missing", // the example's images need no registry
	)
}
