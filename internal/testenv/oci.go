package testenv

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
)

// NeedsOCI stops the test unless this process may drive an OCI runtime: root on Linux, with runc in the PATH.
func NeedsOCI(tb testing.TB) {
	tb.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		missing(tb, "root on Linux", "sudo make test", "no container can be made without an engine")
	}
	if _, err := exec.LookPath("runc"); err != nil {
		missing(tb, "runc", "make engine", err.Error())
	}
}
