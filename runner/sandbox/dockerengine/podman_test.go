package dockerengine

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// newPodman answers as much as a client asks of Podman's service before it makes a container, and fails the test for more. `make test-podman`
// runs the conformance suite on the real one.
func newPodman(t *testing.T) *httptest.Server {
	t.Helper()
	return httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
			w.Header().Set("Api-Version", "1.41")
		case strings.HasSuffix(r.URL.Path, "/version"):
			_, _ = io.WriteString(w, `{"Version":"4.3.1","ApiVersion":"1.41","Components":[{"Name":"Podman Engine","Version":"4.3.1"}]}`)
		default:
			t.Errorf("the service was asked for %s %s", r.Method, r.URL)
			http.NotFound(w, r)
		}
	}))
}

func connectToPodman(t *testing.T) *Engine {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "podman.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := newPodman(t)
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	engine, err := New(t.Context(), NewGuestFiles(nil), &Options{Host: "unix://" + socket})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	return engine
}

// TestPodmanSeccomp is the filter in a file of its own, since Podman takes it by a name only, from the engine's beginning to its end.
func TestPodmanSeccomp(t *testing.T) {
	engine := connectToPodman(t)
	spec := &sandbox.Spec{Image: &sandbox.Image{}, Profile: sandbox.Profiles()[sandbox.PrairieLearn]}
	config := engine.hostConfig(spec, "volume", &connection{network: "none"})
	i := slices.IndexFunc(config.SecurityOpt, func(option string) bool { return strings.HasPrefix(option, "seccomp=") })
	if i < 0 {
		t.Fatalf("there is no filter among %q", config.SecurityOpt)
	}
	name := strings.TrimPrefix(config.SecurityOpt[i], "seccomp=")
	if text, err := os.ReadFile(name); err != nil || string(text) != sandbox.Seccomp() {
		t.Errorf("the file %s does not hold the filter: %v", name, err)
	}
	for folder, options := range config.Tmpfs {
		if strings.Contains(options, "nr_inodes") || !strings.Contains(options, "size=") {
			t.Errorf("%s is mounted with %s", folder, options)
		}
	}
	for range 2 {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is there after the end: %v", err)
	}
}

// TestPodmanRefusesRuntimes does not run a job in another runtime than its profile names.
func TestPodmanRefusesRuntimes(t *testing.T) {
	engine := connectToPodman(t)
	profile := sandbox.Profiles()[sandbox.PrairieLearn]
	profile.Runtime = "runsc"
	_, err := engine.Start(t.Context(), &sandbox.Spec{Image: &sandbox.Image{}, Profile: profile})
	if err == nil || !strings.Contains(err.Error(), "ignores the runtime runsc that profile prairielearn asks for") {
		t.Errorf("got %v, want an error that names runtime and profile", err)
	}
}

// TestPodmanElsewhere refuses a service that cannot read the filter's file.
func TestPodmanElsewhere(t *testing.T) {
	server := newPodman(t)
	server.Start()
	t.Cleanup(server.Close)
	_, err := New(t.Context(), NewGuestFiles(nil), &Options{Host: "tcp://" + server.Listener.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "unix://") {
		t.Errorf("got %v, want an error that says how to reach it", err)
	}
}
