package hostile_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/jobspec"
)

// The parts of a case's file that are no files of /grade/tests.
const (
	// wantName holds the expectation, as JSON.
	wantName = "want.json"
	// settingsName holds settings as JSON; without it all are the default.
	settingsName = "case.json"
	// scriptName is the entrypoint. Without it the entrypoint puts the case's results.json where results belong.
	scriptName = "run.sh"
	// messageName holds keys of the job message, over those of a usual one, as JSON.
	messageName = "message.json"
	// bodyName is the whole job message.
	bodyName = "message"
	// entriesName lists the archive's entries, in place of a usual archive, as JSON.
	entriesName = "entries.json"
	// quoted ends the name of a file that is no text: it is written as Go's string literals, one a line.
	quoted = " (quoted)"
)

// hostileCase is one job and what must come of it.
//
// Its file is a txtar archive: a comment that says what the job tries, the parts above, and files for /grade/tests.
type hostileCase struct {
	group, name string
	settings    settings
	want        expectation
	overrides   map[string]json.RawMessage // of the job message
	body        []byte                     // in place of the job message
	files       map[string]string          // of /grade/tests
	entries     []archiveEntry             // behind them
}

// settings are what a case has beside its files.
type settings struct {
	Timeout    float64 `json:"timeout"`    // seconds; 0 is 20
	Profile    string  `json:"profile"`    // "default" has the default profile's own limits, not the suite's small ones
	Archive    string  `json:"archive"`    // names the function of archives_test.go that makes the archive
	Networking bool    `json:"networking"` // enableNetworking
	// NoControl says why the case cannot succeed even where every defence is off; see control_test.go.
	NoControl string `json:"no_control"`
	// NotOn says for the tags of places (see place.tags) why the case is not tried there.
	NotOn map[string]string `json:"not_on"`
}

// expectation is what must come of a case. What is not given is not compared, except as check_test.go says.
type expectation struct {
	Outcome      string   `json:"outcome"`  // one or several, with | between them
	Score        *float64 `json:"score"`    // of a graded job
	Message      string   `json:"message"`  // all of the student's message; … stands for any text
	Results      any      `json:"results"`  // all of the results
	Warnings     []string `json:"warnings"` // each must be among the report's; … stands for any text
	Log          []string `json:"log"`      // each must be in the log
	Seconds      float64  `json:"seconds"`  // how long the entrypoint may run; 0 is the time limit and 7 s
	Unanswerable bool     `json:"unanswerable"`

	// On holds for tags of places what is expected there instead of the above, and in why for what reason.
	On  map[string]json.RawMessage `json:"on"`
	Why string                     `json:"why"`
}

// at is the case with what is expected at a place.
func (c *hostileCase) at(t *testing.T, p *place) *hostileCase {
	t.Helper()
	there := *c
	for _, tag := range p.tags() {
		if other, ok := c.want.On[tag]; ok {
			there.want.Why = ""
			decode(t, c.name, other, &there.want)
			if there.want.Why == "" {
				t.Fatalf("%s does not say why it expects something else on %s", c.name, tag)
			}
		}
	}
	return &there
}

func parseCase(t *testing.T, name string, text []byte) *hostileCase {
	t.Helper()
	parts := txtar.Parse(text)
	if len(bytes.TrimSpace(parts.Comment)) == 0 {
		t.Fatalf("%s does not begin with what the case tries", name)
	}
	c := &hostileCase{name: name, files: map[string]string{}}
	for _, part := range parts.Files {
		data := part.Data
		base, isQuoted := strings.CutSuffix(part.Name, quoted)
		if isQuoted {
			data = unquote(t, part)
		}
		switch base {
		case wantName:
			decode(t, name, data, &c.want)
		case settingsName:
			decode(t, name, data, &c.settings)
		case messageName:
			decode(t, name, data, &c.overrides)
		case bodyName:
			c.body = data
		case entriesName:
			decode(t, name, data, &c.entries)
		default:
			c.files[base] = string(data)
		}
	}
	if c.want.Outcome == "" && !c.want.Unanswerable {
		t.Fatalf("%s does not say what must come of the case", name)
	}
	return c
}

// archive is the case's: the usual entries with those listed behind them, or what a function makes.
func (c *hostileCase) archive(t *testing.T) []byte {
	t.Helper()
	if c.settings.Archive != "" {
		build, ok := archives()[c.settings.Archive]
		if !ok {
			t.Fatalf("%s: no function makes the archive %q", c.name, c.settings.Archive)
		}
		return build(packer{t})
	}
	return testenv.Archive(t, append(usualEntries(t, c.files), toEntries(t, c.entries)...)...)
}

// usualEntries are the case's files below tests/, its script made a program.
func usualEntries(t *testing.T, files map[string]string) []testenv.Entry {
	t.Helper()
	script := cmp.Or(files[scriptName], "mkdir -p /grade/results\ncp /grade/tests/results.json /grade/results/results.json\n")
	if !strings.HasPrefix(script, "#!") {
		script = "#!/bin/sh\n. /grade/tests/lib.sh\n" + script
	}
	list := []testenv.Entry{{Name: "tests/run.sh", Content: script, Mode: 0o755}}
	for _, library := range []string{"lib.sh", "lib.pl"} {
		text, err := os.ReadFile("cases/" + library)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, testenv.Entry{Name: "tests/" + library, Content: string(text)})
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name != scriptName {
			list = append(list, testenv.Entry{Name: "tests/" + name, Content: files[name]})
		}
	}
	return list
}

func decode(t *testing.T, name string, data []byte, into any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v in %s", name, err, data)
	}
}

func unquote(t *testing.T, part txtar.File) []byte {
	t.Helper()
	data := []byte{}
	for line := range strings.Lines(string(part.Data)) {
		text, err := strconv.Unquote(strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("%s: %s: %v", part.Name, line, err)
		}
		data = append(data, text...)
	}
	return data
}

// message is the case's job message, as a platform sends it.
func (c *hostileCase) message(t *testing.T, id string, environment map[string]*string) []byte {
	t.Helper()
	if c.body != nil {
		return c.body
	}
	timeout := time.Duration(cmp.Or(c.settings.Timeout, 20) * float64(time.Second))
	usual, err := jobspec.MarshalMessage(&jobspec.Job{
		ID: id, Image: testenv.Image, Entrypoint: []string{"/grade/tests/run.sh"}, Timeout: timeout,
		EnableNetworking: c.settings.Networking, Environment: environment, Files: jobspec.Location{Bucket: "hostile", Root: id},
		RequestedAt: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.overrides) == 0 {
		return usual
	}
	keys := map[string]json.RawMessage{}
	if err := json.Unmarshal(usual, &keys); err != nil {
		t.Fatal(err)
	}
	for key, value := range c.overrides {
		if string(value) == `"(absent)"` {
			delete(keys, key)
			continue
		}
		keys[key] = value
	}
	body, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
