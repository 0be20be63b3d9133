package hostile_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// host is what the jobs must not reach, with traps: a folder, a listener, and another job with a secret of its own. Everything that is
// compared is marked as this suite's, so that other work on the machine does not disturb it.
type host struct {
	folder  string // of the canary
	canary  string // what is in its file
	port    int    // of the listener
	reached atomic.Int64
	other   string // the secret in the other job
}

func newHost(t *testing.T, b *bench) *host {
	t.Helper()
	h := &host{folder: t.TempDir(), canary: "canary-" + rand.Text(), other: "other-" + rand.Text()}
	if err := os.Chmod(h.folder, 0o777); err != nil {
		t.Fatal(err)
	}
	for folder := filepath.Dir(h.folder); folder != os.TempDir() && folder != "/"; folder = filepath.Dir(folder) {
		_ = os.Chmod(folder, 0o755) // only the container keeps the job from the canary
	}
	if err := os.WriteFile(h.file(), []byte(h.canary), 0o666); err != nil {
		t.Fatal(err)
	}
	h.listen(t)
	h.startOther(t, b)
	before := measure(t)
	t.Cleanup(func() {
		h.compareCanary(t)
		compareRoom(t, before)
	})
	return h
}

func (h *host) file() string { return filepath.Join(h.folder, "secret") }

// environment tells the jobs where the traps are; an attacker may know as much.
func (h *host) environment() map[string]*string {
	port := strconv.Itoa(h.port)
	return map[string]*string{"CANARY": &h.folder, "CANARY_PORT": &port}
}

// listen counts who reaches the host's network.
func (h *host) listen(t *testing.T) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if h.port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			h.reached.Add(1)
			_ = conn.Close()
		}
	}()
}

// otherLimit is the other job's time limit: gVisor takes 11 minutes for all cases on a busy machine.
const otherLimit = time.Hour

// startOther runs the other job while the cases run.
func (h *host) startOther(t *testing.T, b *bench) {
	t.Helper()
	const id = "other"
	archive := testenv.Archive(t,
		testenv.Entry{Name: "secret", Content: h.other}, testenv.Entry{Name: "run.sh", Content: "#!/bin/sh\ncp /grade/secret /dev/shm/; cp /grade/secret /tmp/\nexec sleep infinity\n"})
	job := &jobspec.Job{
		ID: id, Image: testenv.Image, Entrypoint: []string{"/grade/run.sh"}, Timeout: otherLimit, Files: jobspec.Location{Root: id},
		Environment: map[string]*string{"OTHER_SECRET": &h.other}, ReceivedAt: time.Now(),
	}
	if err := b.files.Put(t.Context(), job.Files, jobspec.ArchiveName, bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() {
		profile := sandbox.Profiles()[sandbox.PrairieLearn]
		profile.Runtime = b.place.runtime
		_, err := runner.New(b.engine, b.files, &runner.Options{ID: b.id, Profile: profile, MaxTimeout: otherLimit}).Grade(ctx, job)
		ended <- err
	}()
	for b.engine.of(id) == "" && len(ended) == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the other job did not run until the end: %v", err)
		}
	})
}

// checkSecrets holds that nothing of the traps is in what a job gets out.
func (h *host) checkSecrets(t judge, got *graded) {
	t.Helper()
	text, err := got.Encode("")
	if err != nil {
		t.Errorf("the report is not JSON: %v", err)
	}
	for _, secret := range []string{h.canary, h.other} {
		if strings.Contains(string(text), secret) || strings.Contains(got.log, secret) {
			t.Errorf("the job got at %s", secret)
		}
	}
	if strings.Contains(got.Message, h.folder) {
		t.Errorf("the message holds a path of the host: %q", got.Message)
	}
}

// checkArchive reads what is kept of /grade as the platform would, and holds that it is whole, bounded and without the traps.
func (h *host) checkArchive(t judge, write func(io.Writer) error) {
	t.Helper()
	reader, writer := io.Pipe()
	go func() { _ = writer.CloseWithError(write(writer)) }()
	defer func() { _ = reader.Close() }()
	zipped, err := gzip.NewReader(reader)
	if err != nil {
		t.Errorf("/grade cannot be kept: %v", err)
		return
	}
	const most = 2 << 30
	buffer, overlap, total := make([]byte, 256<<10), 0, int64(0)
	for {
		n, err := zipped.Read(buffer[overlap:])
		total += int64(n)
		piece := buffer[:overlap+n]
		if bytes.Contains(piece, []byte(h.canary)) || bytes.Contains(piece, []byte(h.other)) || total > most {
			t.Errorf("a secret is in the archive, or it is too large: %d bytes", total)
			return
		}
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Errorf("/grade cannot be kept: %v", err)
			return
		}
		overlap = copy(buffer, piece[max(0, len(piece)-64):])
	}
}

// traces are what a container leaves on its host while it lives: its id and the folders of its file systems.
func (h *host) traces(t *testing.T, b *bench, container string) []string {
	t.Helper()
	if container == "" {
		return nil // it never had one
	}
	return append([]string{container}, b.place.folders(t, b.id, container)...)
}

// compare holds that nothing of the container is left: no process, no mount, no file of the canary's folder changed.
func (h *host) compare(t judge, traces []string) {
	t.Helper()
	const patience = 10 * time.Second // the kernel ends a network namespace and its last processes a little later
	var left []string
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		left = slices.Concat(processesOf(traces), mountsOf(traces), foldersOf(traces))
		if len(left) == 0 || time.Now().After(deadline) {
			break
		}
	}
	if len(left) > 0 {
		t.Errorf("left on the host: %q", left)
	}
	h.compareCanary(t)
}

func (h *host) compareCanary(t judge) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(h.folder, "*"))
	text, readErr := os.ReadFile(h.file())
	if err != nil || readErr != nil || len(names) != 1 || string(text) != h.canary {
		t.Errorf("the host's files have changed: %q, %q (%v, %v)", names, text, err, readErr)
	}
}

// processesOf finds the processes of a container by its control group.
func processesOf(traces []string) []string {
	var left []string
	groups, _ := filepath.Glob("/proc/[0-9]*/cgroup")
	for _, name := range groups {
		if text, err := os.ReadFile(name); err == nil && mentions(text, traces) {
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "cmdline"))
			left = append(left, fmt.Sprintf("process %s %q", filepath.Base(filepath.Dir(name)), command))
		}
	}
	return left
}

func mountsOf(traces []string) []string {
	text, _ := os.ReadFile("/proc/self/mountinfo")
	var left []string
	for line := range bytes.Lines(text) {
		if mentions(line, traces) {
			left = append(left, "mount "+string(line))
		}
	}
	return left
}

// foldersOf finds the container's files.
func foldersOf(traces []string) []string {
	return slices.DeleteFunc(slices.Clone(traces), func(trace string) bool {
		_, err := os.Lstat(trace)
		return !filepath.IsAbs(trace) || err != nil
	})
}

func mentions(text []byte, traces []string) bool {
	return slices.ContainsFunc(traces, func(trace string) bool { return bytes.Contains(text, []byte(trace)) })
}

// checkListener holds that no job reached the host's network.
func (h *host) checkListener(t judge) {
	t.Helper()
	if n := h.reached.Load(); n > 0 {
		t.Errorf("jobs reached the host's listener %d times", n)
	}
}

// room is what the host has left: disk, and memory that belongs to no process, where files of a tmpfs, mounts and namespaces are.
type room struct{ used, disk int64 }

func measure(t *testing.T) room {
	t.Helper()
	var now room
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) > 1 && slices.Contains([]string{"Shmem:", "SUnreclaim:", "KernelStack:", "PageTables:", "Percpu:"}, fields[0]) {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			now.used += kib << 10
		}
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs("/var/lib", &disk); err != nil {
		t.Fatal(err)
	}
	now.disk = int64(disk.Bavail) * disk.Bsize
	return now
}

// compareRoom holds that the suite, which writes and allocates tens of gigabytes, has given them back. Other work on the machine may
// take some meanwhile, so it looks again for a while.
func compareRoom(t *testing.T, before room) {
	t.Helper()
	const memory, disk, patience = 1 << 30, 8 << 30, time.Minute
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Second) {
		now := measure(t)
		if now.used-before.used < memory && before.disk-now.disk < disk {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("the host has %d MiB of memory and %d MiB of disk less than before", (now.used-before.used)>>20, (before.disk-now.disk)>>20)
			return
		}
	}
}
