package hostile_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/slashgrade/slashgrade/internal/testenv"
)

// tap stands between the runner and the engine and changes what containers are made of.
type tap struct {
	address string

	mu     sync.Mutex
	change func(config, host map[string]any) // nil changes nothing
}

// turn sets what is changed from now on.
func (tap *tap) turn(change func(config, host map[string]any)) {
	tap.mu.Lock()
	defer tap.mu.Unlock()
	tap.change = change
}

// newTap returns a tap on the environment's engine, which must be reached by a socket of this machine.
func newTap(t *testing.T) *tap {
	t.Helper()
	testenv.NeedsDocker(t)
	socket, ok := strings.CutPrefix(cmp.Or(os.Getenv("DOCKER_HOST"), "unix:///var/run/docker.sock"), "unix://")
	if !ok {
		t.Fatalf("the engine at %s is on no socket of this machine", os.Getenv("DOCKER_HOST"))
	}
	tapped := &tap{}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "engine"})
	proxy.FlushInterval = -1
	proxy.Transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/containers/create") {
			if err := tapped.rewrite(r); err != nil {
				t.Errorf("the tap cannot change %s: %v", r.URL, err)
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	tapped.address = "tcp://" + server.Listener.Addr().String()
	return tapped
}

// rewrite changes the order for a container.
func (tap *tap) rewrite(r *http.Request) error {
	config := map[string]any{}
	if err := json.NewDecoder(r.Body).Decode(&config); err != nil {
		return err
	}
	host, _ := config["HostConfig"].(map[string]any)
	tap.mu.Lock()
	if tap.change != nil {
		tap.change(config, host)
	}
	tap.mu.Unlock()
	body, err := json.Marshal(config)
	if err != nil {
		return err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return nil
}
