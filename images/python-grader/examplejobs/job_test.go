package examplejobs_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/slashgrade/slashgrade/jobspec"
)

// The parts of a job's file that are no files of /grade.
const (
	// settingsName holds settings as JSON; without it all are the default.
	settingsName = "job.json"
	// resultsName holds all of results.json as it must be; see match_test.go for what stands for texts that may differ.
	resultsName = "expected.json"
	// reportName holds what the report must hold where there is no grade: outcome, message, warnings.
	reportName = "expected-report.json"
	// logName holds lines of which each must be somewhere in the job's log.
	logName = "expected-log.txt"
	// quoted ends the name of a file that is no text: it is written as Go's string literals, one a line.
	quoted = " (quoted)"
)

// job is an example: a tree of files for /grade and what must come of it.
//
// Its file is a txtar archive: a comment that says what the job shows, the tree's files under their paths below /grade, job.json if it
// needs settings, and the expectations.
type job struct {
	settings settings
	archive  []byte
	expected expectation
}

// settings are what a job has beside its files.
type settings struct {
	Timeout     float64            `json:"timeout"`     // seconds; 0 is 20
	MemoryMiB   int64              `json:"memory_mib"`  // of the container; 0 is the profile's
	Environment map[string]*string `json:"environment"` // over the image's
	Runs        int                `json:"runs"`        // how often it is graded, each time with the same results; 0 is once
}

// expectation is what must come of a job. Nil parts are not compared.
type expectation struct {
	results any
	report  map[string]any
	log     []string
}

func (j *job) spec() *jobspec.Job {
	now := time.Now()
	timeout := 20 * time.Second
	if j.settings.Timeout > 0 {
		timeout = time.Duration(j.settings.Timeout * float64(time.Second))
	}
	return &jobspec.Job{
		ID: "17", Image: image, Timeout: timeout, Environment: j.settings.Environment,
		RequestedAt: now, SubmittedAt: now, ReceivedAt: now, DeliveryID: "d",
	}
}

func parseJob(t *testing.T, text []byte) *job {
	t.Helper()
	parts := txtar.Parse(text)
	if len(bytes.TrimSpace(parts.Comment)) == 0 {
		t.Error("the file does not begin with what the job shows")
	}
	j, tree := &job{}, emptyTree()
	for _, part := range parts.Files {
		switch part.Name {
		case settingsName:
			decode(t, part, &j.settings)
		case resultsName:
			decode(t, part, &j.expected.results)
		case reportName:
			decode(t, part, &j.expected.report)
		case logName:
			j.expected.log = strings.Split(strings.TrimSpace(string(part.Data)), "\n")
		default:
			addFile(t, tree, part)
		}
	}
	if j.expected.results == nil && j.expected.report == nil {
		t.Fatal("the file does not say what must come of the job")
	}
	j.archive = pack(t, tree)
	return j
}

func decode(t *testing.T, part txtar.File, into any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(part.Data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", part.Name, err)
	}
}

// emptyTree has the folders that a platform puts into every /grade.
func emptyTree() fstest.MapFS {
	tree := fstest.MapFS{}
	for _, folder := range []string{"student", "tests", "data", "serverFilesCourse", "shared"} {
		tree[folder] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
	}
	return tree
}

func addFile(t *testing.T, tree fstest.MapFS, part txtar.File) {
	t.Helper()
	name, isQuoted := strings.CutSuffix(part.Name, quoted)
	top, _, below := strings.Cut(name, "/")
	if !below || tree[top] == nil || path.Clean(name) != name {
		t.Fatalf("%s is no file of /grade", name)
	}
	data := part.Data
	if isQuoted {
		data = unquote(t, part)
	}
	tree[name] = &fstest.MapFile{Data: data, Mode: 0o644}
}

func unquote(t *testing.T, part txtar.File) []byte {
	t.Helper()
	var data []byte
	for line := range strings.Lines(string(part.Data)) {
		text, err := strconv.Unquote(strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("%s: %s: %v", part.Name, line, err)
		}
		data = append(data, text...)
	}
	return data
}

// pack makes a job's archive, a gzip'd tar.
func pack(t *testing.T, tree fs.FS) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	files := tar.NewWriter(zipped)
	if err := files.AddFS(tree); err != nil {
		t.Fatal(err)
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
