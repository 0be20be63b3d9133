// Plaindocker runs hostile cases (runner/hostile/cases) by plain `docker run` with the engine's default limits and /grade mounted from the
// host, as graders are often run, and prints what came of each: what docs/threat-model.md compares slashgrade with.
//
//	go run ./bench/plaindocker escape/capabilities results-files/link-to-shadow process/fills-grade
//
// Without arguments it runs the list of that page. The two that would take the machine with them get a limit that plain Docker does not set,
// far above slashgrade's (see guards): that they reach it is what there is to be seen.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"
	"github.com/rogpeppe/go-internal/txtar"
)

// limit is how long a container may run. Plain `docker run` has no limit of its own.
const limit = 30 * time.Second

// usualCases are the rows of docs/threat-model.md that plain Docker can be asked about without harm.
func usualCases() []string {
	return []string{
		"escape/capabilities", "escape/calls-for-programs-in-the-kernel", "escape/devices-made", "escape/set-uid-program", "escape/network-to-the-host",
		"escape/raw-sockets", "escape/guest-descriptors", "escape/mount-options",
		"process/fills-grade-and-clears-it", "process/fills-tmp", "process/leaves-no-core", "process/daemon-holds-output",
		"results-files/link-to-shadow", "results-files/fifo", "results-files/sparse", "results-files/device", "results-files/folder-is-a-link-out",
		"output/megabytes-without-a-line", "process/fork-bomb", "process/memory-hog",
	}
}

// guards are options of `docker run` that protect the machine which this runs on, by case.
func guards() map[string][]string {
	return map[string][]string{
		"process/fork-bomb":         {"--pids-limit", "4000", "--cpus", "0.5"},
		"process/fork-bomb-of-perl": {"--pids-limit", "4000", "--cpus", "0.5"},
		"process/memory-hog":        {"--memory", "3g", "--memory-swap", "3g"},
	}
}

func main() {
	image := flag.String("image", "debian:trixie-slim", "an image with sh and perl that the engine has")
	cases := flag.String("cases", "runner/hostile/cases", "the folder of the cases")
	flag.Parse()
	names := flag.Args()
	if len(names) == 0 {
		names = usualCases()
	}
	if err := run(context.Background(), *image, *cases, names); err != nil {
		fmt.Fprintln(os.Stderr, "plaindocker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, image, cases string, names []string) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer func() { _ = out.Flush() }()
	_, _ = fmt.Fprintln(out, "case\tstatus\tseconds\tmost processes and memory\tleft on the host\tresults.json")
	for _, name := range names {
		line, err := try(ctx, image, cases, name)
		if err != nil {
			return fmt.Errorf("try %s: %w", name, err)
		}
		_, _ = fmt.Fprintf(out, "%s\t%s\n", name, line)
	}
	return nil
}

// try runs one case and describes what came of it.
func try(ctx context.Context, image, cases, name string) (string, error) {
	grade, err := os.MkdirTemp("", "slashgrade-plain")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(grade) }()
	if err := unpack(cases, name, grade); err != nil {
		return "", err
	}
	began := time.Now()
	watched, stop := context.WithCancel(ctx)
	seen := watch(watched, filepath.Base(grade))
	status, err := docker(ctx, image, grade, guards()[name])
	stop()
	most := <-seen
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s\t%.1f\t%s\t%s\t%s", status, time.Since(began).Seconds(), most, leftovers(grade),
		describe(filepath.Join(grade, "results", "results.json"))), nil
}

// unpack makes tests/ of a case whose grader is a script.
func unpack(cases, name, grade string) error {
	text, err := os.ReadFile(filepath.Join(cases, filepath.FromSlash(name)+".txtar")) //nolint:gosec // the caller chooses the case
	if err != nil {
		return err
	}
	tests := filepath.Join(grade, "tests")
	if err := os.Mkdir(tests, 0o750); err != nil {
		return err
	}
	for _, library := range []string{"lib.sh", "lib.pl"} {
		data, err := os.ReadFile(filepath.Join(cases, library)) //nolint:gosec // the caller chooses the folder
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(tests, library), data, 0o600); err != nil { //nolint:gosec // a folder of our own
			return err
		}
	}
	for _, part := range txtar.Parse(text).Files {
		if part.Name == "run.sh" {
			return os.WriteFile(filepath.Join(tests, part.Name), append([]byte("#!/bin/sh\n. /grade/tests/lib.sh\n"), part.Data...), 0o700) //nolint:gosec // a program
		}
	}
	return errors.New("the case has no run.sh")
}

// docker runs the case's grader and ends it at the limit.
func docker(ctx context.Context, image, grade string, guard []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	name := filepath.Base(grade)
	var complaint bytes.Buffer
	args := slices.Concat([]string{"run", "--rm", "--name", name, "-v", grade + ":/grade", "-e", "CANARY=/nowhere", "-e", "CANARY_PORT=22"}, guard,
		[]string{image, "/grade/tests/run.sh"})
	command := exec.CommandContext(ctx, "docker", args...) //nolint:gosec // it is what is measured
	command.Stderr = &complaint
	err := command.Run()
	ended, isExit := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return "0", nil
	case ctx.Err() != nil:
		_ = exec.CommandContext(context.WithoutCancel(ctx), "docker", "kill", name).Run() //nolint:gosec // the same container
		return "ended after " + limit.String(), nil
	case isExit && ended.ExitCode() == 125: // docker run's own
		return "", fmt.Errorf("docker run: %s", strings.TrimSpace(complaint.String()))
	case isExit:
		return strconv.Itoa(ended.ExitCode()), nil
	default:
		return "", err
	}
}

// watch asks the engine what the container uses until the context ends, and then sends the most processes and memory that it was told.
func watch(ctx context.Context, name string) <-chan string {
	seen := make(chan string, 1)
	go func() {
		var processes, memory int64
		for ctx.Err() == nil {
			out, err := exec.CommandContext(ctx, "docker", "stats", "--no-stream", "--format", "{{.PIDs}} {{.MemUsage}}", name).Output() //nolint:gosec // our container
			fields := strings.Fields(string(out))
			if err != nil || len(fields) < 2 {
				continue
			}
			count, _ := strconv.ParseInt(fields[0], 10, 64)
			bytes, _ := units.RAMInBytes(fields[1])
			processes, memory = max(processes, count), max(memory, bytes)
		}
		seen <- fmt.Sprintf("%d, %s", processes, units.BytesSize(float64(memory)))
	}()
	return seen
}

// leftovers is what lies on the host when the container is gone: bytes, and files that are dangerous there.
func leftovers(grade string) string {
	var bytes int64
	var odd []string
	_ = filepath.WalkDir(grade, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be seen is not counted
		}
		info, err := entry.Info()
		if err != nil {
			return nil //nolint:nilerr // likewise
		}
		if info.Mode().IsRegular() {
			bytes += info.Size()
		}
		if info.Mode()&(fs.ModeDevice|fs.ModeNamedPipe|fs.ModeSymlink|fs.ModeSetuid) != 0 {
			odd = append(odd, info.Mode().String())
		}
		return nil
	})
	return strings.TrimSpace(fmt.Sprintf("%d bytes %s", bytes, strings.Join(odd, " ")))
}

// describe tells of results.json as a host meets it that reads it by its name, and reads no further where that would harm it.
func describe(name string) string {
	info, err := os.Lstat(name)
	if err != nil {
		return "none"
	}
	const most = 200
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, _ := os.Readlink(name)
		return "a link to the host's " + target
	case !info.Mode().IsRegular():
		return "not a file: " + info.Mode().String()
	case info.Size() > most:
		return fmt.Sprintf("%d bytes", info.Size())
	}
	data, err := os.ReadFile(name) //nolint:gosec // a small regular file
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(data))
}
