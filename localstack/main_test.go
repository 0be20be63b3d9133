// Package localstack_test runs the program itself, as an operator would, between a real LocalStack and a real Docker engine: what a platform
// sees of it, and what it does when it is stopped, killed or cut off.
package localstack_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"go.uber.org/goleak"
)

// TestMain builds the program and its guest once and puts them on the PATH.
func TestMain(m *testing.M) {
	folder, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		_ = os.RemoveAll(folder)
		os.Exit(status)
	}))
}

func build() (folder string, err error) {
	if folder, err = os.MkdirTemp("", "slashgrade-test"); err != nil {
		return "", err
	}
	guest := filepath.Join(folder, "slashgrade-guest-linux-"+runtime.GOARCH)
	for program, variables := range map[string][]string{
		filepath.Join(folder, "slashgrade"): nil,
		guest:                               {"CGO_ENABLED=0", "GOOS=linux"},
	} {
		name := "slashgrade"
		if program == guest {
			name = "slashgrade-guest"
		}
		command := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "github.com/slashgrade/slashgrade/cmd/"+name)
		command.Env = append(os.Environ(), variables...)
		if out, err := command.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return folder, os.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH"))
}
