// Desk times `slashgrade grade` of a shell question, from the start of the process to its report, beside a bare `docker run` of the same
// tree; and `slashgrade grade --watch`, from a save to the report. In turns, in one run, because machines differ and drift. It prints
// both spreads and the ratio pair by pair.
//
//	go run ./bench/desk -n 30
//
// It needs a Docker engine with the image, and `make build`.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/slashgrade/slashgrade/bench/spread"
)

// jobWait bounds one grading; one takes a fraction of a second.
const jobWait = time.Minute

// verdict begins the report's first line.
const verdict = "question  score"

// grader is the work of both sides: the least that a grader does.
const grader = "#!/bin/sh\nmkdir -p /grade/results\necho '{\"score\":1}' > /grade/results/results.json\n"

func main() {
	rounds := flag.Int("n", 30, "counted rounds, after two that are not")
	program := flag.String("slashgrade", "bin/slashgrade", "the program, with the guest beside it")
	image := flag.String("image", "debian:trixie-slim", "an image with /bin/sh that the engine has")
	flag.Parse()
	if err := run(context.Background(), &bench{program: *program, image: *image}, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "desk:", err)
		os.Exit(1)
	}
}

type bench struct {
	program, image, folder string
}

func (b *bench) question() string { return filepath.Join(b.folder, "questions", "question") }

func (b *bench) answer() string { return filepath.Join(b.folder, "answer.sh") }

func run(ctx context.Context, b *bench, rounds int) (err error) {
	if b.folder, err = os.MkdirTemp("", "slashgrade-bench"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.folder) }()
	if err := b.writeCourse(); err != nil {
		return err
	}
	watch, err := b.startWatch(ctx)
	if err != nil {
		return err
	}
	defer watch.stop()
	const warmUp = 2
	var ours, theirs, saved []time.Duration
	for round := range rounds + warmUp {
		graded, err := b.grade(ctx)
		if err != nil {
			return fmt.Errorf("slashgrade: %w", err)
		}
		bare, err := b.dockerRun(ctx)
		if err != nil {
			return fmt.Errorf("docker run: %w", err)
		}
		again, err := watch.save(b.answer())
		if err != nil {
			return fmt.Errorf("slashgrade --watch: %w", err)
		}
		if round >= warmUp {
			ours, theirs, saved = append(ours, graded), append(theirs, bare), append(saved, again)
		}
	}
	return show(ours, theirs, saved)
}

func (b *bench) writeCourse() error {
	if err := os.MkdirAll(filepath.Join(b.question(), "tests"), 0o700); err != nil {
		return err
	}
	info := fmt.Sprintf(`{"gradingMethod": "External", "externalGradingOptions": {"image": %q, "entrypoint": "/bin/sh /grade/tests/run.sh"}}`, b.image)
	return errors.Join(
		os.WriteFile(filepath.Join(b.folder, "infoCourse.json"), []byte("{}"), 0o600),
		os.WriteFile(filepath.Join(b.question(), "info.json"), []byte(info), 0o600),
		os.WriteFile(filepath.Join(b.question(), "tests", "run.sh"), []byte(grader), 0o600),
		os.WriteFile(b.answer(), nil, 0o600),
	)
}

func (b *bench) command(ctx context.Context, more ...string) *exec.Cmd {
	arguments := append([]string{"grade", "--runner.data_dir", filepath.Join(b.folder, "data"), b.question(), b.answer()}, more...)
	command := exec.CommandContext(ctx, b.program, arguments...) //nolint:gosec // who measures names the program
	command.Stderr = os.Stderr
	return command
}

// grade times one command from its start to the report's first line. What it does after that, nobody waits for.
func (b *bench) grade(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, jobWait)
	defer cancel()
	command := b.command(ctx)
	out, err := command.StdoutPipe()
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := command.Start(); err != nil {
		return 0, err
	}
	found := await(bufio.NewReader(out))
	took := time.Since(begin)
	_, _ = io.Copy(io.Discard, out)
	return took, errors.Join(found, command.Wait())
}

// await reads up to the report's first line.
func await(out *bufio.Reader) error {
	for {
		line, err := out.ReadString('\n')
		if strings.HasPrefix(line, verdict) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("wait for the report: %w", err)
		}
	}
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
	if err := os.CopyFS(folder, os.DirFS(b.question())); err != nil {
		return 0, err
	}
	begin := time.Now()
	out, err := exec.CommandContext(ctx, "docker", "run", "--rm", "--network", "none", "-v", folder+":/grade", //nolint:gosec // ours
		b.image, "/bin/sh", "/grade/tests/run.sh").CombinedOutput()
	took := time.Since(begin)
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	_, err = os.Stat(filepath.Join(folder, "results", "results.json"))
	return took, err
}

// watch is a running `grade --watch`.
type watch struct {
	command *exec.Cmd
	out     *bufio.Reader
}

func (b *bench) startWatch(ctx context.Context) (*watch, error) {
	command := b.command(ctx, "--watch")
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	w := &watch{command: command, out: bufio.NewReader(out)}
	return w, await(w.out)
}

func (w *watch) stop() {
	_ = w.command.Process.Signal(os.Interrupt)
	_ = w.command.Wait()
}

// save times from a save to the report's first line.
func (w *watch) save(file string) (time.Duration, error) {
	time.Sleep(time.Second) // as a person does, and the container that waits for the next save is ready then
	begin := time.Now()
	if err := os.WriteFile(file, []byte("# "+begin.String()), 0o600); err != nil {
		return 0, err
	}
	err := await(w.out)
	return time.Since(begin), err
}

func show(ours, theirs, saved []time.Duration) error {
	table := spread.NewTable(os.Stdout, "ms")
	table.Row("slashgrade grade, start to report", spread.Milliseconds(ours), "%.0f")
	table.Row("docker run --rm --network none -v", spread.Milliseconds(theirs), "%.0f")
	table.Row("ratio, pair by pair", spread.Ratios(ours, theirs), "%.2f")
	table.Row("slashgrade grade --watch, save to report", spread.Milliseconds(saved), "%.0f")
	return table.Close()
}
