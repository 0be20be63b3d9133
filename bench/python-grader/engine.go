package main

import (
	"archive/tar"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// standIn runs a question as the original does: in one process that imports everything first.
//
//go:embed standin.py
var standIn string

const (
	// usage prints a container's processor time so far, in nanoseconds, on cgroup v1 or v2.
	usage = `usage() { cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null || awk '/^usage_usec/{print $2 "000"}' /sys/fs/cgroup/cpu.stat; }`
	// around fills /grade from standard input, does %s, and prints what it took and its results.
	around = usage + "\ntar -C /grade -xf - --no-same-owner && a=$(usage)\n%s\necho $(($(usage) - a)); cat /grade/results/results.json"
	// asOriginal is what the original's entrypoint does, with the stand-in in the place of its program.
	asOriginal = `mkdir -p /grade/run /grade/results; chmod 1777 /grade/run
mv /grade/student/* /grade/run; mv /grade/tests/* /grade/run; mv /grade/data/data.json /grade/run
su ag -c 'cd /grade/run && /venv/bin/python /tmp/standin.py' >/tmp/log 2>&1
mv /grade/run/results.json /grade/results/results.json`
	// asOurs is the image's entrypoint.
	asOurs = "/python_autograder/run.sh </dev/null >/tmp/log 2>&1"
)

// engine runs jobs by the docker command.
type engine struct{ image, guest string }

func (e *engine) standIn(ctx context.Context, archive []byte) (spent, error) {
	put := "cat >/tmp/standin.py <<'END'\n" + standIn + "END\n"
	return e.shell(ctx, archive, put+fmt.Sprintf(around, asOriginal))
}

func (e *engine) cold(ctx context.Context, archive []byte) (spent, error) {
	return e.shell(ctx, archive, fmt.Sprintf(around, asOurs))
}

// shell times a container whose entrypoint is a script.
func (e *engine) shell(ctx context.Context, archive []byte, script string) (spent, error) {
	begin := time.Now()
	out, err := e.docker(ctx, archive, "--entrypoint=sh", e.image, "-c", script)
	took := time.Since(begin).Seconds()
	if err != nil {
		return spent{}, err
	}
	first, results, _ := strings.Cut(string(out), "\n")
	nanoseconds, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return spent{}, fmt.Errorf("no processor time: %w", err)
	}
	return spent{cpu: nanoseconds / 1e9, wall: took}, graded([]byte(results))
}

// warmed times a job that a warm-up waited for.
func (e *engine) warmed(ctx context.Context, archive []byte) (spent, error) {
	out, err := e.docker(ctx, archive, "--entrypoint=/venv/bin/python", e.image, "-c", e.guest, "warm")
	if err != nil {
		return spent{}, err
	}
	var left struct {
		CPU, Wall float64
		Results   json.RawMessage
	}
	if err := json.Unmarshal(out, &left); err != nil {
		return spent{}, fmt.Errorf("the guest's answer: %w", err)
	}
	return spent{cpu: left.CPU, wall: left.Wall}, graded(left.Results)
}

// docker runs a container with what the runner gives, and returns what it printed.
func (e *engine) docker(ctx context.Context, archive []byte, rest ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, jobWait)
	defer cancel()
	args := []string{"run", "--rm", "-i", "--network=none", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/grade:exec"}
	for _, name := range []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "KILL"} {
		args = append(args, "--cap-add="+name)
	}
	command := exec.CommandContext(ctx, "docker", append(args, rest...)...) //nolint:gosec // ours
	command.Stdin = bytes.NewReader(archive)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("docker run: %w: %s", err, complaint.Bytes())
	}
	return out, nil
}

// graded says whether the results are the full score, so that nothing is measured that did not work.
func graded(data []byte) error {
	var results struct{ Score float64 }
	if err := json.Unmarshal(data, &results); err != nil {
		return fmt.Errorf("the results: %w", err)
	}
	if results.Score != 1 {
		return errors.New("the job did not get the full score: " + string(data))
	}
	return nil
}

// pack makes a tar of a job's files.
func pack(files []txtar.File) ([]byte, error) {
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for _, folder := range []string{"student", "tests", "data", "serverFilesCourse", "shared"} {
		if err := archive.WriteHeader(&tar.Header{Name: folder + "/", Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
			return nil, err
		}
	}
	for _, file := range files {
		if err := archive.WriteHeader(&tar.Header{Name: file.Name, Size: int64(len(file.Data)), Mode: 0o644}); err != nil {
			return nil, err
		}
		if _, err := archive.Write(file.Data); err != nil {
			return nil, err
		}
	}
	err := archive.Close()
	return out.Bytes(), err
}
