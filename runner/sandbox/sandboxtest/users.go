package sandboxtest

import (
	"errors"
	"strings"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

func userTrials() trials {
	return trials{
		"of the image":   imageUsers,
		"unknown":        unknownUser,
		"of the profile": profileUser,
	}
}

const whoami = `
echo id=$(id -u):$(id -g)
echo groups=$(id -G)
echo home=$HOME
echo grade=$(stat -c %u:%g /grade) script=$(stat -c %u:%g /grade/tests/run.sh) implied=$(stat -c %u:%g /grade/tests)
mkdir /grade/results && echo writable=yes
`

// imageUsers are the forms of USER that a Dockerfile takes, looked up in the image's own files.
func imageUsers(t *trial) {
	base := t.Build(t.T, "RUN groupadd -g 3000 team && groupadd -g 3001 other && useradd -u 2000 -g 3001 -G team -d /home/ag ag")
	cases := []struct{ user, id, groups, home string }{
		{"", "0:0", "0", "/root"},
		{"ag", "2000:3001", "3001 3000", "/home/ag"},
		{"2000", "2000:3001", "3001 3000", "/home/ag"},
		{"ag:team", "2000:3000", "3000", "/home/ag"},
		{"ag:3005", "2000:3005", "3005", "/home/ag"},
		{"7777", "7777:0", "0", "/"},
		{"7777:8888", "7777:8888", "8888", "/"},
		{"nobody", "65534:65534", "65534", "/nonexistent"},
	}
	image, err := t.Engine.Image(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		described := *image
		described.User = c.user
		session, err := t.unpackIn(&described, whoami)
		if err != nil {
			t.Fatalf("user %q: %v", c.user, err)
		}
		t.want(Start(t.T, session, &Job{}), map[string]string{
			"id": c.id, "groups": c.groups, "home": c.home, "writable": "yes",
			"grade": c.id + " script=" + c.id + " implied=" + c.id,
		})
	}
}

// unpackIn opens a session of an image that is described in another way than the engine does.
func (t *trial) unpackIn(image *sandbox.Image, script string) (*sandbox.Session, error) {
	t.Helper()
	bench := &Bench{Engine: &describing{Engine: t.Engine, image: image}, Profile: t.Profile, Runner: t.Runner}
	return bench.Unpack(t.T, &Job{Script: script})
}

func unknownUser(t *trial) {
	for _, user := range []string{"stranger", "root:strangers", "-1"} {
		image, err := t.Engine.Image(t.Context(), testenv.Image)
		if err != nil {
			t.Fatal(err)
		}
		image.User = user
		_, err = t.unpackIn(image, "true")
		refused, ok := errors.AsType[*sandbox.RefusedError](err)
		if !ok || !strings.Contains(refused.Reason, "is not in its /etc/") {
			t.Errorf("user %q: %v, want a refusal that says where the user is missing", user, err)
		}
	}
}

// profileUser goes before the image's.
func profileUser(t *trial) {
	profile := small()
	profile.User = "1000:1000"
	run := t.job(&Job{Profile: profile, Script: whoami})
	t.want(run, map[string]string{
		"id": "1000:1000", "groups": "1000", "home": "/", "writable": "yes", "grade": "1000:1000 script=1000:1000 implied=1000:1000",
	})
}
