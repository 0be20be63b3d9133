// Latency times one small job from enqueue to answer, side by side with the same work by a bare `docker run`: in turns, in one run,
// because machines differ and drift. It prints both spreads and the ratio pair by pair.
//
//	go run ./bench/latency -n 30
//
// It needs a Docker engine with the image, and `make build`.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/slashgrade/slashgrade/bench/spread"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue/riverqueue"
	"github.com/slashgrade/slashgrade/store/dirstore"
)

// script is the work of both sides: the least that a grader does.
const script = "mkdir -p /grade/results\necho '{\"score\":1}' > /grade/results/results.json\n"

// jobWait bounds one job; a job takes a fraction of a second.
const jobWait = time.Minute

func main() {
	rounds := flag.Int("n", 30, "counted rounds, after two that are not")
	program := flag.String("slashgrade", "bin/slashgrade", "the program, with the guest beside it")
	image := flag.String("image", "debian:trixie-slim", "an image with /bin/sh that the engine has")
	places := flag.Int("places", 0, "pool.places: how many containers wait")
	flag.Parse()
	if err := run(context.Background(), &bench{program: *program, image: *image, places: *places}, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "latency:", err)
		os.Exit(1)
	}
}

// bench is a running `slashgrade serve` and its queue and store.
type bench struct {
	program, image string
	places         int
	queue          *riverqueue.Queue
	files          *dirstore.Dir
}

func run(ctx context.Context, b *bench, rounds int) error {
	folder, err := os.MkdirTemp("", "slashgrade-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	stop, err := b.startServe(ctx, folder)
	if err != nil {
		return err
	}
	defer stop()
	if b.files, err = dirstore.Open(filepath.Join(folder, "jobs")); err != nil {
		return err
	}
	defer func() { _ = b.files.Close() }()
	if b.queue, err = riverqueue.Open(ctx, filepath.Join(folder, "queue.db"), nil); err != nil {
		return err
	}
	defer func() { _ = b.queue.Close() }() //nolint:contextcheck // a close takes none
	ours, theirs, err := b.rounds(ctx, rounds)
	if err != nil {
		return err
	}
	return show(ours, theirs)
}

// startServe runs the program on the folder until the returned function is called.
func (b *bench) startServe(ctx context.Context, folder string) (stop func(), err error) {
	serve := exec.CommandContext(ctx, b.program, "serve", //nolint:gosec // who measures names the program
		"--pool.places", strconv.Itoa(b.places), "--runner.data_dir", folder, "--engine.pull", "missing", "--log.level", "warn")
	serve.Stderr = os.Stderr
	if err := serve.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", b.program, err)
	}
	return func() {
		_ = serve.Process.Signal(os.Interrupt)
		_ = serve.Wait()
	}, nil
}

func (b *bench) rounds(ctx context.Context, rounds int) (ours, theirs []time.Duration, err error) {
	const warmUp = 2
	for round := range rounds + warmUp {
		took, err := b.slashgrade(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("slashgrade: %w", err)
		}
		bare, err := b.dockerRun(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("docker run: %w", err)
		}
		if round >= warmUp {
			ours, theirs = append(ours, took), append(theirs, bare)
		}
	}
	return ours, theirs, nil
}

// slashgrade times a job from its enqueueing, its archive stored before, to its answer.
func (b *bench) slashgrade(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, jobWait)
	defer cancel()
	id := riverqueue.NewID()
	job := &jobspec.Job{
		ID: id, Image: b.image, Entrypoint: []string{"/bin/sh", "/grade/tests/run.sh"}, Timeout: 30 * time.Second,
		Files: jobspec.Location{Root: "job_" + id},
	}
	archive, err := archive()
	if err != nil {
		return 0, err
	}
	if err := b.files.Put(ctx, job.Files, jobspec.ArchiveName, bytes.NewReader(archive)); err != nil {
		return 0, err
	}
	begin := time.Now()
	if _, err := b.queue.Insert(ctx, job); err != nil {
		return 0, err
	}
	record, err := b.queue.Wait(ctx, id)
	if err != nil {
		return 0, err
	}
	if !record.Report.Succeeded {
		return 0, errors.New(record.Report.Message)
	}
	return record.GradedAt.Sub(begin), nil
}

// archive is the job's, through the same functions as a platform's.
func archive() ([]byte, error) {
	options, err := jobspec.ParseOptions([]byte(`{"image": "any", "entrypoint": "/bin/sh /grade/tests/run.sh"}`))
	if err != nil {
		return nil, err
	}
	submission, err := jobspec.ParseSubmission([]byte(`{"_files": [{"name": "run.sh", "contents": ""}]}`))
	if err != nil {
		return nil, err
	}
	course, err := courseFolder()
	if err != nil {
		return nil, err
	}
	grade, err := jobspec.NewGradeDir(course, &jobspec.Question{Dir: "q", Options: options}, submission)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = grade.WriteArchive(&out)
	return out.Bytes(), err
}

func courseFolder() (fs.FS, error) {
	folder, err := os.MkdirTemp("", "slashgrade-bench-course")
	if err != nil {
		return nil, err
	}
	tests := filepath.Join(folder, "q", "tests")
	if err := os.MkdirAll(tests, 0o700); err != nil {
		return nil, err
	}
	return os.DirFS(folder), os.WriteFile(filepath.Join(tests, "run.sh"), []byte(script), 0o600)
}

// dockerRun times the client alone: its folder is there before.
func (b *bench) dockerRun(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, jobWait)
	defer cancel()
	folder, err := os.MkdirTemp("", "slashgrade-bench-grade")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	begin := time.Now()
	out, err := exec.CommandContext(ctx, "docker", "run", "--rm", "--network", "none", "-v", folder+":/grade", //nolint:gosec // ours
		b.image, "/bin/sh", "-c", script).CombinedOutput()
	took := time.Since(begin)
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	var results struct{ Score float64 }
	text, err := os.ReadFile(filepath.Join(folder, "results", "results.json")) //nolint:gosec // as above
	if err == nil {
		err = json.Unmarshal(text, &results)
	}
	return took, err
}

func show(ours, theirs []time.Duration) error {
	table := spread.NewTable(os.Stdout, "ms")
	table.Row("slashgrade, enqueue to answer", spread.Milliseconds(ours), "%.0f")
	table.Row("docker run --rm --network none -v", spread.Milliseconds(theirs), "%.0f")
	table.Row("ratio, pair by pair", spread.Ratios(ours, theirs), "%.2f")
	return table.Close()
}
