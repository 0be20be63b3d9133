package sandbox

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// closeTimeout bounds the removal of a trial's container: an engine that hangs must not hang who tries it.
const closeTimeout = 20 * time.Second

// Trial is what a container that works has told of itself.
type Trial struct {
	// Took is the time from asking for the container to its results.
	Took time.Duration
	// Facts are, by name: kernel (as uname says), memory, swap, cpu (percent of a processor) and processes (limits of the control group,
	// as the container sees them; absent where it sees none), user, capabilities (CapEff) and seccomp (2 is a filter).
	Facts map[string]string
}

// trialScript does what every job does, and tells of the limits that it finds. It needs a shell and nothing else.
const trialScript = `#!/bin/sh
read_from() { [ -r "$2" ] && read -r value < "$2" && echo "$1=$value"; }
while read -r name value; do
	case $name in CapEff:) echo "capabilities=$value";; Seccomp:) echo "seccomp=$value";; Uid:) echo "user=${value%%	*}";; esac
done < /proc/self/status
read_from kernel /proc/sys/kernel/osrelease
cd /sys/fs/cgroup 2>/dev/null && if [ -r memory.max ]; then
	read_from memory memory.max
	read_from swap memory.swap.max
	read_from processes pids.max
	[ -r cpu.max ] && read -r quota period < cpu.max && [ "$quota" != max ] && echo "cpu=$((quota * 100 / period))"
elif [ -r memory/memory.limit_in_bytes ]; then
	read_from memory memory/memory.limit_in_bytes
	read_from processes pids/pids.max
	if [ -r memory/memory.memsw.limit_in_bytes ]; then
		read -r both < memory/memory.memsw.limit_in_bytes; read -r alone < memory/memory.limit_in_bytes; echo "swap=$((both - alone))"
	fi
	read -r quota < cpu/cpu.cfs_quota_us && read -r period < cpu/cpu.cfs_period_us && echo "cpu=$((quota * 100 / period))"
fi
mkdir /grade/results && printf '{"score":1}' > /grade/results/results.json
`

// Try proves by a run under a time limit that the engine can run jobs of the spec: a container starts, its guest answers, takes files,
// runs a program from /grade, passes its output on and reads its results. The image must have /bin/sh. The error says what did not work.
// Whatever happens, the container is removed, and Try returns within limit and half a minute.
func Try(ctx context.Context, engine Engine, spec *Spec, limit time.Duration) (*Trial, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it took longer than %s", limit))
	defer cancel()
	began := time.Now()
	type outcome struct {
		trial *Trial
		err   error
	}
	tried := make(chan outcome, 1) // an engine may not notice that its time is over
	go func() {
		facts, err := tryOnce(ctx, engine, spec, limit)
		tried <- outcome{&Trial{Took: time.Since(began), Facts: facts}, err}
	}()
	select {
	case end := <-tried:
		if end.err != nil {
			return nil, fmt.Errorf("try a container of %s%s: %w", spec.Image.Name, runtimeNote(spec), end.err)
		}
		return end.trial, nil
	case <-afterwards(ctx, closeTimeout+closeTimeout/2):
		return nil, fmt.Errorf("try a container of %s%s: the engine hangs: %w", spec.Image.Name, runtimeNote(spec), context.Cause(ctx))
	}
}

// afterwards is closed some time after the context has ended.
func afterwards(ctx context.Context, later time.Duration) <-chan struct{} {
	done := make(chan struct{})
	context.AfterFunc(ctx, func() { time.AfterFunc(later, func() { close(done) }) })
	return done
}

func runtimeNote(spec *Spec) string {
	if spec.Profile.Runtime == "" {
		return ""
	}
	return " with the runtime " + spec.Profile.Runtime
}

func tryOnce(ctx context.Context, engine Engine, spec *Spec, limit time.Duration) (map[string]string, error) {
	session, err := Open(ctx, engine, spec)
	if err != nil {
		return nil, withCause(ctx, err)
	}
	facts, err := runTrial(ctx, session, limit)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return facts, errors.Join(withCause(ctx, err), session.Close(closing))
}

// withCause adds why the context ended to an error that came of it.
func withCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

func runTrial(ctx context.Context, session *Session, limit time.Duration) (map[string]string, error) {
	const script = guest.Root + "/trial.sh"
	if _, err := session.Unpack(ctx, bytes.NewReader(trialArchive()), script); err != nil {
		return nil, err
	}
	var output strings.Builder
	command := &Command{Argv: []string{script}, Env: []string{"PATH=" + DefaultPath}, Timeout: limit, MaxOutput: 4096}
	ending, err := session.Run(ctx, command, func(_ guest.Stream, chunk []byte) { output.Write(chunk) })
	switch {
	case err != nil:
		return nil, err
	case ending.NotStarted != "":
		return nil, errors.New("the program did not start: " + ending.NotStarted)
	case ending.Ended == nil:
		return nil, errors.New("the container ended before its program did")
	case ending.Ended.Status != 0 || ending.Ended.TimedOut:
		return nil, fmt.Errorf("the program ended with status %d: %q", ending.Ended.Status, output.String())
	case string(ending.Results) != `{"score":1}`:
		return nil, fmt.Errorf("the results did not come back: %q", ending.Results)
	}
	facts := map[string]string{}
	for line := range strings.Lines(output.String()) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			facts[name] = value
		}
	}
	return facts, nil
}

func trialArchive() []byte {
	var buffer bytes.Buffer
	zipped := gzip.NewWriter(&buffer)
	archive := tar.NewWriter(zipped)
	// Writing to a buffer cannot fail.
	_ = archive.WriteHeader(&tar.Header{Name: "trial.sh", Mode: 0o755, Size: int64(len(trialScript)), Typeflag: tar.TypeReg})
	_, _ = archive.Write([]byte(trialScript))
	_ = archive.Close()
	_ = zipped.Close()
	return buffer.Bytes()
}
