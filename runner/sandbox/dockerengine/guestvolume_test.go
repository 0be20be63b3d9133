package dockerengine_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

func specOf(image *sandbox.Image, runner string) *sandbox.Spec {
	return &sandbox.Spec{Image: image, Profile: sandbox.Profiles()[sandbox.PrairieLearn], Runner: runner, Job: "job 1"}
}

func cutting(proxy *engineProxy) func(guest.Stream, []byte) {
	return func(guest.Stream, []byte) { go proxy.cut() }
}

// ownGuest is a guest that no other test has, and the name of its volume.
type ownGuest struct {
	files   fs.FS
	version string
	volume  string
}

func newOwnGuest(t *testing.T) *ownGuest {
	t.Helper()
	testenv.NeedsDocker(t)
	folder := t.TempDir()
	program := filepath.Join(folder, "slashgrade-guest-linux-"+runtime.GOARCH)
	version := rand.Text()
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version="+version, "-o", program,
		"github.com/slashgrade/slashgrade/cmd/slashgrade-guest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build a guest: %v\n%s", err, out)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	own := &ownGuest{files: os.DirFS(folder), version: version, volume: "slashgrade-guest-" + hex.EncodeToString(sum[:8])}
	t.Cleanup(func() { docker(t, "volume", "rm", "--force", own.volume) })
	return own
}

func (o *ownGuest) engine(t *testing.T) *dockerengine.Engine {
	t.Helper()
	engine, err := dockerengine.New(t.Context(), dockerengine.NewGuestFiles(o.files), &dockerengine.Options{
		Pull: dockerengine.PullPolicy{When: dockerengine.PullMissing},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	return engine
}

// open opens a session and closes it; the guest must be the right one.
func (o *ownGuest) open(t *testing.T, engine *dockerengine.Engine) error {
	t.Helper()
	session, err := sandbox.Open(t.Context(), engine, specOf(mustHave(t, engine, testenv.Image), "volumes"))
	if err != nil {
		return err
	}
	if got := session.Guest().Version; got != o.version {
		t.Errorf("the guest is of version %s, want %s", got, o.version)
	}
	return session.Close(context.WithoutCancel(t.Context()))
}

// within runs a command with the volume at /volume.
func (o *ownGuest) within(t *testing.T, script string) string {
	t.Helper()
	return docker(t, "run", "--rm", "--network", "none", "-v", o.volume+":/volume", testenv.Image, "sh", "-c", script)
}

func TestGuestVolume(t *testing.T) {
	own := newOwnGuest(t)
	engine := own.engine(t)
	steps := []struct {
		name    string
		damage  string
		mending int // how many starts may fail before one succeeds
	}{
		{name: "filled"},
		{name: "truncated, same engine", damage: ": > /volume/guest", mending: 1},
		{name: "not executable, same engine", damage: "chmod 0 /volume/guest"},
		{name: "emptied, same engine", damage: "rm /volume/guest"},
	}
	for _, step := range steps {
		if step.damage != "" {
			own.within(t, step.damage)
		}
		err := own.open(t, engine)
		for range step.mending {
			if err != nil {
				err = own.open(t, engine)
			}
		}
		if err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}

	const stat = "stat -c '%i %z' /volume/guest"
	before := own.within(t, stat)
	if err := own.open(t, own.engine(t)); err != nil {
		t.Error(err)
	}
	if after := own.within(t, stat); after != before {
		t.Errorf("a volume that is whole was filled again: %q, then %q", before, after)
	}

	own.within(t, "truncate -s 100000 /volume/guest")
	if err := own.open(t, own.engine(t)); err != nil {
		t.Errorf("a damaged volume was not repaired by the next engine: %v", err)
	}
	docker(t, "volume", "rm", own.volume)
	if err := own.open(t, engine); err != nil {
		t.Errorf("a removed volume did not come back: %v", err)
	}
}

func TestNoGuest(t *testing.T) {
	testenv.NeedsDocker(t)
	own := &ownGuest{files: os.DirFS(t.TempDir())}
	if err := own.open(t, own.engine(t)); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("got %v, want an error that says how to make the guest", err)
	}
}

// TestPolicy is what the engine was told of a container, by its own word.
func TestPolicy(t *testing.T) {
	engine := newEngine(t, dockerengine.PullPolicy{When: dockerengine.PullMissing})
	image := mustHave(t, engine, build(t, "HEALTHCHECK CMD true", "VOLUME /data", "STOPSIGNAL SIGTERM", "EXPOSE 80"))
	container, err := engine.Start(t.Context(), specOf(image, "policy"))
	if err != nil {
		t.Fatal(err)
	}
	removed := false
	remove := func() {
		if !removed {
			removed = true
			if err := container.Remove(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(remove)
	want := map[string]string{
		"{{.HostConfig.LogConfig.Type}}": "none", "{{.Config.Healthcheck.Test}}": "[NONE]", "{{.Config.Tty}}": "false",
		"{{.Config.OpenStdin}} {{.Config.StdinOnce}}": "true true", "{{.Config.User}}": "0:0", "{{.Config.StopSignal}}": "SIGKILL",
		"{{.HostConfig.NetworkMode}} {{.HostConfig.IpcMode}}": "none private", "{{.HostConfig.Privileged}}": "false",
		"{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}":  "4898947072 4898947072",
		"{{.HostConfig.CpuPeriod}} {{.HostConfig.CpuQuota}}": "100000 90000",
		"{{.HostConfig.PidsLimit}}":                          "1056",
		"{{.HostConfig.CapDrop}}":                            "[ALL]",
		"{{.HostConfig.CapAdd}}":                             "[CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_SETGID CAP_SETPCAP CAP_SETUID CAP_SYS_PTRACE]",
		"{{index .Config.Labels \"" + dockerengine.LabelRunner + "\"}} {{index .Config.Labels \"" + dockerengine.LabelJob + "\"}}": "policy job 1",
		"{{range .Mounts}}{{.Type}} {{.Destination}} {{.RW}};{{end}}":                                                              "volume /.slashgrade false;",
		"{{index .HostConfig.Tmpfs \"/data\"}}":                                                                                    "rw,exec,nosuid,nodev,size=536870912,nr_inodes=100000,mode=1777",
	}
	got := map[string]string{}
	for format := range want {
		got[format] = docker(t, "inspect", "--format", format, container.ID())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("container (-want +got):\n%s", diff)
	}
	security := docker(t, "inspect", "--format", "{{json .HostConfig.SecurityOpt}}", container.ID())
	if !strings.Contains(security, "no-new-privileges") || !strings.Contains(security, "seccomp={") {
		t.Errorf("security options %.200s", security)
	}
	remove()
	if left := docker(t, "ps", "--all", "--quiet", "--no-trunc"); slices.Contains(strings.Fields(left), container.ID()) {
		t.Error("the container is still there")
	}
}

// TestVolumesRemoved wants what an image's volumes were copied to gone with the container.
func TestVolumesRemoved(t *testing.T) {
	engine := newEngine(t, dockerengine.PullPolicy{When: dockerengine.PullMissing})
	image := mustHave(t, engine, build(t, "RUN mkdir /data && echo x > /data/x", "VOLUME /data"))
	if len(image.Volumes) != 0 {
		t.Errorf("volumes %q are said to be empty", image.Volumes)
	}
	container, err := engine.Start(t.Context(), specOf(image, "volumes"))
	if err != nil {
		t.Fatal(err)
	}
	name := docker(t, "inspect", "--format", `{{range .Mounts}}{{if eq .Destination "/data"}}{{.Name}}{{end}}{{end}}`, container.ID())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	if err := container.Remove(ctx); err != nil {
		t.Error(err)
	}
	if left := docker(t, "volume", "ls", "--quiet"); name == "" || slices.Contains(strings.Fields(left), name) {
		t.Errorf("the volume %q was left", name)
	}
}
