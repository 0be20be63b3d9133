package hostile_test

import (
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/internal/testengine"
	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/nsengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/ociengine"
)

// The kinds of engine, by the names that engine.kind has for them.
const (
	kindDocker     = "docker"
	kindOCI        = "oci"
	kindNamespaces = "namespaces"
)

// place is where the cases run: what makes their containers, and by which rules.
type place struct {
	kind    string
	runtime string // of the Docker engine; "" is its default
	profile string
	podman  bool // the engine is Podman's service
}

// environmentsPlace is the place that the environment names.
func environmentsPlace(t *testing.T) *place {
	t.Helper()
	return &place{
		kind:    cmp.Or(os.Getenv("SLASHGRADE_HOSTILE_ENGINE"), kindDocker),
		runtime: os.Getenv("SLASHGRADE_HOSTILE_RUNTIME"),
		profile: cmp.Or(os.Getenv("SLASHGRADE_HOSTILE_PROFILE"), sandbox.PrairieLearn),
	}
}

// engine makes the place's engine as `serve` does. It is closed after everything that the test makes later.
func (p *place) engine(t *testing.T, address string) sandbox.Engine {
	t.Helper()
	guests := dockerengine.NewGuestFiles(testenv.Guest(t))
	docker := testengine.Open(t, address)
	about, err := docker.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.podman = about.Podman
	if err := docker.PrepareNetwork(t.Context(), "hostile", &dockerengine.NetworkOptions{Mode: dockerengine.NetworkOpen}); err != nil {
		t.Fatal(err)
	}
	switch p.kind {
	case kindDocker:
		return docker
	case kindOCI:
		return direct(t, ociengine.New, &ociengine.Options{Docker: docker, Guests: guests})
	case kindNamespaces:
		return direct(t, nsengine.New, &ociengine.Options{Docker: docker, Guests: guests})
	default:
		t.Fatalf("SLASHGRADE_HOSTILE_ENGINE is %q; there are %s, %s and %s", p.kind, kindDocker, kindOCI, kindNamespaces)
		return nil
	}
}

// direct is an engine that makes containers without the Docker engine, which it has the images of.
func direct(t *testing.T, construct func(*ociengine.Options) (*ociengine.Engine, error), opts *ociengine.Options) sandbox.Engine {
	t.Helper()
	testenv.NeedsOCI(t)
	engine, err := construct(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return engine
}

// folders are where a container's files lie while it lives, as far as they are on this machine. A container beside the Docker engine
// may be that engine's, which has the jobs with a network.
func (p *place) folders(t *testing.T, runner, container string) []string {
	t.Helper()
	if p.kind != kindDocker {
		if bundle := filepath.Join(ociengine.DefaultDir, runner, container); isThere(bundle) {
			return []string{bundle}
		}
	}
	out, err := exec.CommandContext(t.Context(), "docker", "inspect", "--format", "{{json .GraphDriver.Data}}", container).Output()
	if err != nil {
		return nil // it is gone already
	}
	var driver struct{ MergedDir, UpperDir string }
	if json.Unmarshal(out, &driver) != nil {
		return nil
	}
	return slices.DeleteFunc([]string{driver.MergedDir, driver.UpperDir}, func(dir string) bool { return dir == "" })
}

func isThere(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// tags are the names by which cases tell this place from the Docker engine with its own runtime and the default profile.
func (p *place) tags() []string {
	tags := []string{p.kind, p.runtime, p.profile}
	if p.podman {
		tags = append(tags, "podman")
	}
	if p.kind == kindOCI || p.kind == kindNamespaces {
		tags = append(tags, "root in memory")
	}
	if p.runtime != "" {
		tags = append(tags, p.runtime+" "+p.profile) // last: it is the narrowest
	}
	return slices.DeleteFunc(tags, func(tag string) bool { return tag == "" })
}

// leaves says why the case is not tried at this place; "" is that it is.
func (p *place) leaves(c *hostileCase) string {
	var reasons []string
	for _, tag := range p.tags() {
		if reason, ok := c.settings.NotOn[tag]; ok {
			reasons = append(reasons, reason)
		}
	}
	return strings.Join(reasons, "; ")
}
