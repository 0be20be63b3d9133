package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/slashgrade/slashgrade/internal/testenv"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"slashgrade": main})
}

// TestScripts runs the program as its users do. Every script of testdata/script is a session in a shell; ones whose name begins with
// docker need an engine.
func TestScripts(t *testing.T) {
	runScripts(t, "testdata/script/[^d]*.txtar", func(*testscript.Env) {})
}

func TestDockerScripts(t *testing.T) {
	testenv.NeedsDocker(t)
	guest := testenv.GuestFolder(t)
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	runScripts(t, "testdata/script/docker*.txtar", func(env *testscript.Env) {
		env.Setenv("SLASHGRADE_ENGINE_GUEST", guest)
		env.Setenv("SLASHGRADE_ENGINE_PULL", "missing")
		env.Setenv("DOCKER_HOST", os.Getenv("DOCKER_HOST"))
		env.Setenv("EXAMPLES", examples)
	})
}

func runScripts(t *testing.T, pattern string, setup func(*testscript.Env)) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts %s: %v", pattern, err)
	}
	testscript.Run(t, testscript.Params{
		Files: files,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SLASHGRADE_RUNNER_DATA_DIR", filepath.Join(env.WorkDir, "data"))
			setup(env)
			return nil
		},
	})
}
