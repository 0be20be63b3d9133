package dockerengine_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
)

func mustHave(t *testing.T, engine *dockerengine.Engine, name string) *sandbox.Image {
	t.Helper()
	image, err := engine.Image(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func TestPullMissing(t *testing.T) {
	registry := newRegistry(t, openAuth)
	name := registry.image(t, "course/grader:v1")
	id, digest := push(t, name, "one", "")
	forget(t, name)
	engine := newEngine(t, dockerengine.PullPolicy{When: dockerengine.PullMissing})

	image := mustHave(t, engine, name)
	if want := registry.host + "/course/grader@" + digest; image.Digest != want || image.ID != id || image.Name != name || image.Warning != "" {
		t.Errorf("got %+v, want ID %s and digest %s", image, id, want)
	}
	asked := registry.manifests.Load()
	mustHave(t, engine, name)
	if again := registry.manifests.Load(); again != asked {
		t.Errorf("an image that is there was asked for again (%d requests, then %d)", asked, again)
	}
}

func TestPullAlways(t *testing.T) {
	registry := newRegistry(t, openAuth)
	name := registry.image(t, "course/grader")
	first, _ := push(t, name, "one", "")
	second, digest := push(t, name, "two", "")
	docker(t, "tag", first, name)
	engine := newEngine(t, dockerengine.PullPolicy{When: dockerengine.PullAlways})

	if image := mustHave(t, engine, name); image.ID != second || !strings.HasSuffix(image.Digest, digest) {
		t.Errorf("got %+v, want the image %s that was pushed last", image, second)
	}
	asked := registry.manifests.Load()
	mustHave(t, engine, name)
	if registry.manifests.Load() == asked {
		t.Error("the image was not asked for again")
	}

	registry.spoilWith(func(*http.Request) int { return http.StatusServiceUnavailable })
	image := mustHave(t, engine, name)
	if image.ID != second || !strings.Contains(image.Warning, "could not be pulled again") {
		t.Errorf("with a registry that fails: got %+v, want the image that is there and a warning", image)
	}
}

func TestPullStale(t *testing.T) {
	registry := newRegistry(t, openAuth)
	name := registry.image(t, "course/grader")
	first, _ := push(t, name, "one", "")
	second, _ := push(t, name, "two", "")
	docker(t, "tag", first, name)
	engine := newEngine(t, dockerengine.PullPolicy{MaxAge: time.Hour})

	registry.hold()
	if image := mustHave(t, engine, name); image.ID != first {
		t.Errorf("got %+v, want the stale image %s at once", image, first)
	}
	<-registry.came
	registry.release()
	eventually(t, "the new image is there", func() bool { return mustHave(t, engine, name).ID == second })
	asked := registry.manifests.Load()
	mustHave(t, engine, name)
	if again := registry.manifests.Load(); again != asked {
		t.Errorf("a fresh image was asked for again (%d requests, then %d)", asked, again)
	}

	hasty := newEngine(t, dockerengine.PullPolicy{MaxAge: time.Nanosecond})
	registry.spoilWith(func(*http.Request) int { return http.StatusServiceUnavailable })
	if image := mustHave(t, hasty, name); image.ID != second || image.Warning != "" {
		t.Errorf("with a registry that fails: got %+v, want the image that is there", image)
	}
}

// TestCloseEndsRefresh closes an engine whose registry hangs.
func TestCloseEndsRefresh(t *testing.T) {
	registry := newRegistry(t, openAuth)
	name := registry.image(t, "course/grader")
	push(t, name, "one", "")
	engine := newEngine(t, dockerengine.PullPolicy{})
	registry.hold()
	mustHave(t, engine, name)
	<-registry.came
	for range 2 {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOnePullAtATime(t *testing.T) {
	registry := newRegistry(t, openAuth)
	name := registry.image(t, "course/grader")
	id, _ := push(t, name, "one", "")
	forget(t, name)
	engine := newEngine(t, dockerengine.PullPolicy{When: dockerengine.PullMissing})
	before := registry.manifests.Load()
	mustHave(t, engine, name)
	onePull := registry.manifests.Load() - before
	forget(t, name)

	before = registry.manifests.Load()
	registry.hold()
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			if image, err := engine.Image(t.Context(), name); err != nil || image.ID != id {
				t.Errorf("got %+v, %v", image, err)
			}
		})
	}
	<-registry.came
	given, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the job was given up"))
	if _, err := engine.Image(given, name); err == nil {
		t.Error("a job that was given up waited for the pull")
	}
	// The others must not have asked by the time that they have all had the chance to.
	time.Sleep(200 * time.Millisecond)
	registry.release()
	callers.Wait()
	// The engine sometimes asks once less than it did before.
	if got := registry.manifests.Load() - before; got == 0 || got > onePull {
		t.Errorf("8 jobs made %d requests for manifests, one pull makes %d", got, onePull)
	}
}

func TestPullByDigest(t *testing.T) {
	registry := newRegistry(t, openAuth)
	tag := registry.image(t, "course/grader")
	id, digest := push(t, tag, "one", "")
	forget(t, tag)
	engine := newEngine(t, dockerengine.PullPolicy{When: dockerengine.PullAlways})
	for _, name := range []string{registry.host + "/course/grader@" + digest, registry.host + "/course/grader:v7@" + digest} {
		image := mustHave(t, engine, name)
		if image.ID != id || image.Digest != registry.host+"/course/grader@"+digest || image.Name != name {
			t.Errorf("%s: got %+v", name, image)
		}
	}
	asked := registry.manifests.Load()
	mustHave(t, engine, registry.host+"/course/grader@"+digest)
	if registry.manifests.Load() != asked {
		t.Error("what a digest names was asked for again, though it cannot change")
	}
}

func TestPullRefused(t *testing.T) {
	registry := newRegistry(t, openAuth)
	name := registry.image(t, "course/grader")
	_, digest := push(t, name, "a content of its own for the refusals", "")
	forget(t, name)
	engine := newEngine(t, dockerengine.PullPolicy{})
	cases := map[string]struct {
		name  string
		spoil func(*http.Request) int
	}{
		"unknown image":        {name: registry.host + "/no/such:image"},
		"unknown digest":       {name: registry.host + "/course/grader@sha256:" + strings.Repeat("0", 64)},
		"unreachable registry": {name: "127.0.0.1:1/course/grader"},
		"empty name":           {name: ""},
		"upper case":           {name: "Course/Grader"},
		"option":               {name: "--privileged"},
		"command":              {name: "debian;touch /tmp/x"},
		"address":              {name: "http://169.254.169.254/latest"},
		"registry fails":       {name: name, spoil: func(*http.Request) int { return http.StatusInternalServerError }},
		"blobs are spoiled": {name: name, spoil: func(request *http.Request) int {
			if strings.Contains(request.URL.Path, "/blobs/") {
				return http.StatusOK // with other bytes: the engine says so inside its progress
			}
			return 0
		}},
		"blobs are missing": {name: registry.host + "/course/grader@" + digest, spoil: func(request *http.Request) int {
			if strings.Contains(request.URL.Path, "/blobs/") {
				return http.StatusNotFound
			}
			return 0
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			registry.spoilWith(c.spoil)
			image, err := engine.Image(t.Context(), c.name)
			refused, ok := errors.AsType[*sandbox.PullError](err)
			if !ok || refused.Image != c.name || refused.Err == nil {
				t.Errorf("got %+v, %v, want a PullError of the image", image, err)
			}
			t.Log(err)
		})
	}
}

func TestPullTimeout(t *testing.T) {
	registry := newRegistry(t, openAuth)
	name := registry.image(t, "course/grader")
	push(t, name, "one", "")
	forget(t, name)
	registry.hold()
	engine := newEngine(t, dockerengine.PullPolicy{Timeout: 500 * time.Millisecond})
	_, err := engine.Image(t.Context(), name)
	if _, ok := errors.AsType[*sandbox.PullError](err); !ok || !strings.Contains(err.Error(), "longer than 500ms") {
		t.Errorf("got %v, want a PullError that names the limit", err)
	}
}

func TestCredentials(t *testing.T) {
	registry := newRegistry(t, passwordAuth(t))
	name := registry.image(t, "course/secret")
	auth := base64.StdEncoding.EncodeToString([]byte(registryUser + ":" + registryPassword))
	config := dockerConfig(t, fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, registry.host, auth))
	id, _ := push(t, name, "secret", config)
	helper := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nread host\n[ \"$1 $host\" = 'get %s' ] || exit 1\necho '{\"ServerURL\":\"%s\",\"Username\":\"%s\",\"Secret\":\"%s\"}'\n",
		registry.host, registry.host, registryUser, registryPassword)
	if err := os.WriteFile(filepath.Join(helper, "docker-credential-slashgrade-test"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", helper+":"+os.Getenv("PATH"))
	cases := map[string]struct{ config, want string }{
		"config.json":  {config, id},
		"helper":       {dockerConfig(t, fmt.Sprintf(`{"credHelpers": {%q: "slashgrade-test"}}`, registry.host)), id},
		"store":        {dockerConfig(t, `{"credsStore": "slashgrade-test"}`), id},
		"none":         {dockerConfig(t, `{}`), ""},
		"another's":    {dockerConfig(t, fmt.Sprintf(`{"auths": {"example.org": {"auth": %q}}}`, auth)), ""},
		"not readable": {dockerConfig(t, `{`), ""},
		"lost helper":  {dockerConfig(t, `{"credsStore": "no-such-helper"}`), ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			forget(t, registry.host+"/course/secret")
			t.Setenv("DOCKER_CONFIG", c.config)
			image, err := newEngine(t, dockerengine.PullPolicy{}).Image(t.Context(), registry.host+"/course/secret")
			if c.want == "" {
				if _, ok := errors.AsType[*sandbox.PullError](err); !ok {
					t.Errorf("got %+v, %v, want a PullError", image, err)
				}
				return
			}
			if err != nil || image.ID != c.want {
				t.Errorf("got %+v, %v, want image %s", image, err, c.want)
			}
		})
	}
}

func dockerConfig(t *testing.T, content string) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "config.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestPolicyValidate(t *testing.T) {
	for _, when := range []dockerengine.PullWhen{"", dockerengine.PullAlways, dockerengine.PullMissing, dockerengine.PullStale} {
		if err := (dockerengine.PullPolicy{When: when}).Validate(); err != nil {
			t.Errorf("%q: %v", when, err)
		}
	}
	if err := (dockerengine.PullPolicy{When: "sometimes"}).Validate(); err == nil || !strings.Contains(err.Error(), "sometimes") {
		t.Errorf("got %v, want an error that names the policy", err)
	}
}
