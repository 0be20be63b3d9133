package dockerengine_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/internal/testenv"
)

// registry is a real registry of Debian's package docker-registry behind a proxy that counts, holds and spoils requests.
type registry struct {
	host      string // 127.0.0.1 and the proxy's port
	manifests atomic.Int64
	blobs     atomic.Int64

	mu    sync.Mutex
	held  chan struct{}           // requests for manifests wait until it is closed
	came  chan struct{}           // gets one when a request begins to wait
	spoil func(*http.Request) int // the status that is answered in place of the registry, 0 for none
}

const (
	registryUser     = "grader"
	registryPassword = "s3cret-s3cret"
	registryHash     = "$2y$05$dSV8X/sG8Do3ORqv/UPoBe0gUlsoa2ZO4eaXKMZcCGxXRAz/CzD7m" // of the password
)

const openAuth = ""

func passwordAuth(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "htpasswd")
	if err := os.WriteFile(file, []byte(registryUser+":"+registryHash+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return "auth: {htpasswd: {realm: test, path: " + file + "}}\n"
}

// newRegistry starts a registry that is ended with the test.
func newRegistry(t *testing.T, auth string) *registry {
	t.Helper()
	testenv.NeedsDocker(t)
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		const command = "apt-get install -y docker-registry"
		if os.Getenv("CI") != "" {
			t.Fatalf("docker-registry is missing (run `%s`): in CI every test runs", command)
		}
		t.Skipf("docker-registry is missing: run `%s` first", command)
	}
	address := freeAddress(t)
	config := filepath.Join(t.TempDir(), "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\n"+
		"http: {addr: %q, secret: test, relativeurls: true}\n%s", t.TempDir(), address, auth)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	server := exec.Command(program, "serve", config)
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		if t.Failed() {
			t.Logf("the registry's log:\n%.5000s", log.String())
		}
	})
	awaitListener(t, address)
	return proxied(t, address)
}

func proxied(t *testing.T, address string) *registry {
	t.Helper()
	r := &registry{came: make(chan struct{}, 100)}
	forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if status := r.before(request); status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "spoiled")
			return
		}
		forward.ServeHTTP(w, request)
	}))
	t.Cleanup(func() {
		r.release()
		proxy.CloseClientConnections()
		proxy.Close()
	})
	r.host = strings.TrimPrefix(proxy.URL, "http://")
	return r
}

// before counts a request, waits with it, and returns the status that it is spoiled with.
func (r *registry) before(request *http.Request) int {
	reads := request.Method == http.MethodGet || request.Method == http.MethodHead
	r.mu.Lock()
	held, spoil := r.held, r.spoil
	r.mu.Unlock()
	switch {
	case reads && strings.Contains(request.URL.Path, "/manifests/"):
		r.manifests.Add(1)
		if held != nil {
			r.came <- struct{}{}
			select {
			case <-held:
			case <-request.Context().Done():
			}
		}
	case reads && strings.Contains(request.URL.Path, "/blobs/"):
		r.blobs.Add(1)
	}
	if spoil != nil {
		return spoil(request)
	}
	return 0
}

// hold makes requests for manifests wait until release.
func (r *registry) hold() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = make(chan struct{})
}

func (r *registry) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held != nil {
		close(r.held)
		r.held = nil
	}
}

func (r *registry) spoilWith(spoil func(*http.Request) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spoil = spoil
}

// image names an image of this registry, and makes sure that the engine has none of that repository when the test ends.
func (r *registry) image(t *testing.T, name string) string {
	t.Helper()
	full := r.host + "/" + name
	repository, _, _ := strings.Cut(name, ":")
	t.Cleanup(func() {
		if ids := strings.Fields(docker(t, "image", "ls", "--quiet", "--no-trunc", r.host+"/"+repository)); len(ids) > 0 {
			docker(t, append([]string{"image", "rm", "--force"}, ids...)...)
		}
	})
	return full
}

// push makes an image that holds the content and pushes it, with a folder for Docker's configuration if there is one. It returns the
// image's ID and its digest in the registry. The engine keeps the image under its name.
func push(t *testing.T, name, content, config string) (id, digest string) {
	t.Helper()
	var files bytes.Buffer
	archive := tar.NewWriter(&files)
	if err := archive.WriteHeader(&tar.Header{Name: "content", Mode: 0o644, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(archive, content); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	id = dockerReads(t, files.String(), "import", "-", name)
	args := []string{"push", "--quiet", name}
	if config != "" {
		args = append([]string{"--config", config}, args...)
	}
	docker(t, args...)
	_, digest, ok := strings.Cut(docker(t, "image", "inspect", "--format", "{{index .RepoDigests 0}}", name), "@")
	if !ok || t.Failed() {
		t.Fatalf("the image %s has no digest after its push", name)
	}
	return id, digest
}

// forget removes an image from the engine.
func forget(t *testing.T, name string) {
	t.Helper()
	docker(t, "image", "rm", "--force", name)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func awaitListener(t *testing.T, address string) {
	t.Helper()
	eventually(t, "the registry listens", func() bool {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		return connection.Close() == nil
	})
}

// eventually asks until the answer is yes.
func eventually(t *testing.T, what string, ask func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !ask() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
