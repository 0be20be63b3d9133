package dockerengine_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
)

// engineProxy stands before the real engine's socket and can be cut or made to hang.
type engineProxy struct {
	host     string
	listener net.Listener
	tasks    sync.WaitGroup
	hang     atomic.Pointer[string] // requests whose first line holds it are never answered
	pause    atomic.Pointer[pause]

	described atomic.Int64 // requests about images

	mu    sync.Mutex
	conns []net.Conn
}

// pause holds back the answer to the first request whose first line holds the call.
type pause struct {
	call   string
	resume chan struct{}
}

func (p *engineProxy) pauseAt(call string) *pause {
	held := &pause{call: call, resume: make(chan struct{})}
	p.pause.Store(held)
	return held
}

// heldConn is one connection, on which answers may be held back.
type heldConn struct {
	net.Conn
	held atomic.Pointer[pause]
}

func (a *heldConn) Write(p []byte) (int, error) {
	if held := a.held.Load(); held != nil {
		<-held.resume
	}
	return a.Conn.Write(p)
}

func newEngineProxy(t *testing.T) *engineProxy {
	t.Helper()
	testenv.NeedsDocker(t)
	endpoint := docker(t, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
	socket, ok := strings.CutPrefix(endpoint, "unix://")
	if !ok {
		t.Skipf("the engine at %s has no socket to stand before", endpoint)
	}
	path := filepath.Join(t.TempDir(), "engine.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	p := &engineProxy{host: "unix://" + path, listener: listener}
	p.tasks.Go(func() { p.serve(socket) })
	t.Cleanup(p.cut)
	return p
}

func (p *engineProxy) serve(socket string) {
	for {
		from, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.keep(from)
		p.tasks.Go(func() { p.forward(from, socket) })
	}
}

func (p *engineProxy) forward(from net.Conn, socket string) {
	defer func() { _ = from.Close() }()
	to, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	p.keep(to)
	defer func() { _ = to.Close() }()
	back := &heldConn{Conn: from}
	p.tasks.Go(func() {
		p.requests(to, back)
		_ = to.Close()
	})
	_, _ = io.Copy(struct{ io.Writer }{back}, to)
}

// requests forwards what the client writes, of which every request is one write, until one is to hang.
func (p *engineProxy) requests(to io.Writer, from *heldConn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		line, _, _ := bytes.Cut(buffer[:n], []byte("\n"))
		if bytes.Contains(line, []byte("/images/")) {
			p.described.Add(1)
		}
		if hang := p.hang.Load(); hang != nil && bytes.Contains(line, []byte(*hang)) {
			_, _ = io.Copy(io.Discard, from)
			return
		}
		if held := p.pause.Load(); held != nil && bytes.Contains(line, []byte(held.call)) && p.pause.CompareAndSwap(held, nil) {
			from.held.Store(held)
		}
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}

func (p *engineProxy) keep(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, conn)
}

// cut ends the engine for those who reach it through the proxy.
func (p *engineProxy) cut() {
	_ = p.listener.Close()
	p.mu.Lock()
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.tasks.Wait()
}

func (p *engineProxy) engine(t *testing.T) *dockerengine.Engine {
	t.Helper()
	guests := dockerengine.NewGuestFiles(testenv.Guest(t))
	engine, err := dockerengine.New(t.Context(), guests, &dockerengine.Options{
		Host: p.host, Pull: dockerengine.PullPolicy{When: dockerengine.PullMissing},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	return engine
}

func isPullError(err error) bool {
	_, ok := errors.AsType[*sandbox.PullError](err)
	return ok
}

func TestUnreachableEngine(t *testing.T) {
	_, err := dockerengine.New(t.Context(), dockerengine.NewGuestFiles(nil), &dockerengine.Options{Host: "unix:///no/such/socket"})
	if err == nil || !strings.Contains(err.Error(), "/no/such/socket") {
		t.Errorf("got %v, want an error that names the engine", err)
	}
}

// TestEngineGone is an engine that ends after it was reached: every answer is a failure of ours.
func TestEngineGone(t *testing.T) {
	proxy := newEngineProxy(t)
	engine := proxy.engine(t)
	image := mustHave(t, engine, testenv.Image)
	proxy.cut()
	if _, err := engine.Image(t.Context(), testenv.Image); err == nil || isPullError(err) {
		t.Errorf("image: got %v, want an error that is no PullError", err)
	}
	if _, err := engine.Image(t.Context(), "127.0.0.1:1/no/such"); err == nil || isPullError(err) {
		t.Errorf("missing image: got %v, want an error that is no PullError", err)
	}
	if _, err := engine.Start(t.Context(), specOf(image, "gone")); err == nil {
		t.Error("a container was started")
	}
	if _, err := engine.Sweep(t.Context(), "gone"); err == nil {
		t.Error("a sweep had no error")
	}
	if err := engine.Ping(t.Context()); err == nil {
		t.Error("a ping had no error")
	}
}

// TestEngineGoneInPull ends the engine while it pulls: that is not the registry's word.
func TestEngineGoneInPull(t *testing.T) {
	registry := newRegistry(t, openAuth)
	name := registry.image(t, "course/grader")
	push(t, name, "one", "")
	forget(t, name)
	proxy := newEngineProxy(t)
	engine := proxy.engine(t)
	registry.hold()
	failed := make(chan error)
	go func() {
		_, err := engine.Image(t.Context(), name)
		failed <- err
	}()
	<-registry.came
	proxy.cut()
	if err := <-failed; err == nil || isPullError(err) {
		t.Errorf("got %v, want an error that is no PullError", err)
	}
}

// TestEngineGoneInJob ends the way to the engine in mid-job: nothing is answered, and the container ends by itself.
func TestEngineGoneInJob(t *testing.T) {
	proxy := newEngineProxy(t)
	engine := proxy.engine(t)
	session, err := sandbox.Open(t.Context(), engine, specOf(mustHave(t, engine, testenv.Image), "gone"))
	if err != nil {
		t.Fatal(err)
	}
	id := session.Container()
	t.Cleanup(func() { docker(t, "rm", "--force", id) })
	command := &sandbox.Command{Argv: []string{"sh", "-c", "echo running; sleep 1000"}, Timeout: time.Minute, MaxOutput: 1000}
	ending, err := session.Run(t.Context(), command, cutting(proxy))
	if err == nil {
		t.Errorf("got %+v, want an error", ending)
	}
	if err := session.Close(t.Context()); err == nil {
		t.Error("a container was removed without an engine")
	}
	eventually(t, "the container ends", func() bool {
		return docker(t, "inspect", "--format", "{{.State.Running}}", id) == "false"
	})
}

// TestEngineHangs is an engine that takes calls and does not answer.
func TestEngineHangs(t *testing.T) {
	for _, call := range []string{"/attach", "/start", "/containers/create"} {
		t.Run(strings.TrimPrefix(call, "/"), func(t *testing.T) {
			proxy := newEngineProxy(t)
			engine := proxy.engine(t)
			image := mustHave(t, engine, testenv.Image)
			runner := "hangs-" + strings.ToLower(rand.Text())             // another run of this test may go on beside
			warm, err := engine.Start(t.Context(), specOf(image, runner)) // brings the guest
			if err != nil {
				t.Fatal(err)
			}
			if err := warm.Remove(t.Context()); err != nil {
				t.Error(err)
			}
			proxy.hang.Store(&call)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := engine.Start(ctx, specOf(image, runner)); err == nil {
				t.Error("a container was started")
			}
			if left := docker(t, "ps", "--all", "--quiet", "--filter", "label="+dockerengine.LabelRunner+"="+runner); left != "" {
				t.Errorf("containers were left: %s", left)
			}
		})
	}
}

// TestStartCancelled has a job's context end while the engine makes its container: nobody waits, and the container goes.
func TestStartCancelled(t *testing.T) {
	proxy := newEngineProxy(t)
	engine := proxy.engine(t)
	image := mustHave(t, engine, testenv.Image)
	runner := "cancelled-" + strings.ToLower(rand.Text())
	warm, err := engine.Start(t.Context(), specOf(image, runner)) // brings the guest
	if err != nil {
		t.Fatal(err)
	}
	if _, err := warm.Read(make([]byte, 1)); err != nil { // or the guest would be looked at again
		t.Error(err)
	}
	if err := warm.Remove(t.Context()); err != nil {
		t.Error(err)
	}
	began := time.Now()
	held := proxy.pauseAt("/containers/create")
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := engine.Start(ctx, specOf(image, runner))
		failed <- err
	}()
	label := dockerengine.LabelRunner + "=" + runner
	eventually(t, "the engine makes the container", func() bool { return events(t, label, began) == "create" })
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	close(held.resume)
	eventually(t, "the engine removes the container", func() bool { return events(t, label, began) == "create\ndestroy" })
}

// events lists what became of the containers with the label since then, one word a line.
func events(t *testing.T, label string, since time.Time) string {
	t.Helper()
	second := func(at time.Time) string { return fmt.Sprintf("%d.%09d", at.Unix(), at.Nanosecond()) }
	return docker(t, "events", "--since", second(since), "--until", second(time.Now()), "--filter", "type=container", "--filter", "label="+label,
		"--format", "{{.Action}}")
}
