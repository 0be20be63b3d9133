package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue/riverqueue"
)

const (
	// script is the work of all sides: the least that a grader does.
	script = "mkdir -p /grade/results\necho '{\"score\":1}' > /grade/results/results.json\n"
	// jobLimit is each job's time limit, and jobWait bounds what one job may take in all.
	jobLimit = 60 * time.Second
	jobWait  = 2 * time.Minute
	// depthPoll is how often a crowd of jobs is looked at.
	depthPoll = 20 * time.Millisecond
)

// work is what a job does: its archive and how it is started.
type work struct {
	image      string
	entrypoint []string
	env        map[string]*string
	archive    []byte
}

// trivial is the shell job, with files beside it where a scenario wants them.
func (o *options) trivial(files map[string][]byte) (*work, error) {
	archive, err := pack(script, files)
	return &work{image: o.image, entrypoint: []string{"/bin/sh", "/grade/tests/run.sh"}, archive: archive}, err
}

// work is that of the command line.
func (o *options) work() (*work, error) {
	if o.question == "" {
		return o.grown(size{results: o.results})
	}
	if filepath.Ext(o.question) == ".txtar" {
		return readJob(o.question)
	}
	course, dir := filepath.Dir(o.question), filepath.Base(o.question)
	for {
		if _, err := os.Stat(filepath.Join(course, "infoCourse.json")); err == nil {
			break
		}
		if course == filepath.Dir(course) {
			return nil, fmt.Errorf("-question %s: there is no infoCourse.json above it", o.question)
		}
		dir = filepath.Join(filepath.Base(course), dir)
		course = filepath.Dir(course)
	}
	question, err := jobspec.ParseQuestion(os.DirFS(course), dir)
	if err != nil {
		return nil, err
	}
	submission, err := jobspec.SubmissionFromFS(os.DirFS(o.submission))
	if err != nil {
		return nil, err
	}
	grade, err := jobspec.NewGradeDir(os.DirFS(course), question, submission)
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	err = grade.WriteArchive(&archive)
	return &work{image: question.Options.Image, entrypoint: question.Options.Entrypoint, archive: archive.Bytes()}, err
}

// pythonGrader is the image of jobs in one file.
const pythonGrader = "slashgrade/python-grader:dev"

// readJob reads a job of the Python grader, as bench/python-grader has them.
func readJob(name string) (*work, error) {
	files, err := jobFiles(name)
	if err != nil {
		return nil, err
	}
	packed, err := pack("", files)
	return &work{image: pythonGrader, archive: packed}, err
}

// jobFiles reads the files of /grade from one in which they all are.
func jobFiles(name string) (map[string][]byte, error) {
	archive, err := txtar.ParseFile(name)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, file := range archive.Files {
		files[file.Name] = file.Data
	}
	return files, nil
}

func pack(script string, files map[string][]byte) ([]byte, error) {
	var out bytes.Buffer
	zipped, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed) // fails for a wrong level only
	archive := tar.NewWriter(zipped)
	add := func(name string, content []byte) error {
		err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg})
		if err == nil {
			_, err = archive.Write(content)
		}
		return err
	}
	if script != "" {
		if err := add("tests/run.sh", []byte(script)); err != nil {
			return nil, err
		}
	}
	for name, content := range files {
		if err := add(name, content); err != nil {
			return nil, err
		}
	}
	err := errors.Join(archive.Close(), zipped.Close())
	return out.Bytes(), err
}

// noise does not compress.
func noise(bytes int) []byte {
	content := make([]byte, bytes)
	_, _ = rand.Read(content) // never fails
	return content
}

// insert stores the archive and puts the job on the queue.
func (s *server) insert(ctx context.Context, w *work) (id string, begin time.Time, err error) {
	id = riverqueue.NewID()
	job := &jobspec.Job{ID: id, Image: w.image, Entrypoint: w.entrypoint, Environment: w.env, Timeout: jobLimit, Files: jobspec.Location{Root: "job_" + id}}
	if err := s.files.Put(ctx, job.Files, jobspec.ArchiveName, bytes.NewReader(w.archive)); err != nil {
		return "", begin, err
	}
	begin = time.Now()
	_, err = s.queue.Insert(ctx, job)
	return id, begin, err
}

// measured is one job from enqueue to answer.
type measured struct {
	id    string
	total time.Duration
	// own is what the queue waited and the grader ran: no doing of the runner's.
	own time.Duration
	// waited is from enqueue to receipt, prepared from there to the grader's start, reported from its end to the answer; received and graded
	// are instants.
	waited             time.Duration
	prepared, reported time.Duration
	received, graded   time.Time
}

// overhead is what is left of the total.
func (m *measured) overhead() time.Duration { return m.total - m.own }

// one runs one job alone.
func (s *server) one(ctx context.Context, w *work) (*measured, error) {
	ctx, cancel := context.WithTimeout(ctx, jobWait)
	defer cancel()
	id, begin, err := s.insert(ctx, w)
	if err != nil {
		return nil, err
	}
	record, err := s.queue.Wait(ctx, id)
	if err != nil {
		return nil, err
	}
	return measure(record, begin)
}

func measure(record *riverqueue.Record, begin time.Time) (*measured, error) {
	if !record.Report.Succeeded {
		return nil, fmt.Errorf("job %s: %s: %s", record.Job.ID, record.Report.Outcome, record.Report.Message)
	}
	times := record.Report.Timestamps
	waited := max(0, times.ReceivedAt.Sub(begin))
	return &measured{
		id: record.Job.ID, total: record.GradedAt.Sub(begin), own: waited + times.FinishedAt.Sub(times.StartedAt),
		waited: waited, received: times.ReceivedAt, graded: record.GradedAt,
		prepared: times.StartedAt.Sub(times.ReceivedAt), reported: record.GradedAt.Sub(times.FinishedAt),
	}, nil
}

// drained waits until every job is answered, and gathers them. Waiting for each by itself would be a poll a job.
func (s *server) drained(ctx context.Context, begins map[string]time.Time) ([]*measured, error) {
	poll := time.NewTicker(depthPoll)
	defer poll.Stop()
	for {
		depth, err := s.queue.Depth(ctx)
		if err != nil {
			return nil, err
		}
		if depth.Waiting+depth.Running == 0 {
			break
		}
		select {
		case <-poll.C:
		case last := <-s.said:
			s.said <- last
			return nil, errors.New("serve ended: " + last)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	var all []*measured
	for id, begin := range begins {
		record, err := s.queue.Wait(ctx, id)
		if err != nil {
			return nil, err
		}
		m, err := measure(record, begin)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// span is from the first receipt to the last answer.
func span(all []*measured) time.Duration {
	first, last := all[0].received, all[0].graded
	for _, m := range all {
		if m.received.Before(first) {
			first = m.received
		}
		if m.graded.After(last) {
			last = m.graded
		}
	}
	return last.Sub(first)
}

func spreadOf(all []*measured, of func(*measured) time.Duration) durations {
	list := make(durations, len(all))
	for i, m := range all {
		list[i] = of(m)
	}
	return list
}

// perSecond is a rate.
func perSecond(jobs int, took time.Duration) float64 {
	return float64(jobs) / cmp.Or(took.Seconds(), 1)
}
