package testenv

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Guest builds the guest for this machine's architecture and returns a folder that holds it under the name that releases give it.
func Guest(tb testing.TB) fs.FS {
	tb.Helper()
	return os.DirFS(GuestFolder(tb))
}

// GuestFolder is the path of Guest's folder.
func GuestFolder(tb testing.TB) string {
	tb.Helper()
	folder := tb.TempDir()
	program := filepath.Join(folder, "slashgrade-guest-linux-"+runtime.GOARCH)
	build := exec.CommandContext(tb.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program,
		"github.com/slashgrade/slashgrade/cmd/slashgrade-guest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("build the guest: %v\n%s", err, out)
	}
	return folder
}
