package doctor

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// The limits of the trial: small, so that breaking them costs the host little.
const (
	trialMemory    = 48 * mib
	trialScratch   = 4 * mib
	trialCPUs      = 0.2
	trialProcesses = 24
	// trialBytes is what the trial tries to hold in memory, far above what its container may have.
	trialBytes = 256 * mib
	// trialForks is how many processes it tries to have.
	trialForks = 80
	// trialTimeout is the job's time limit; it takes 3 s with limits that apply.
	trialTimeout = 20 * time.Second
)

// script tries the limits, in an order in which none spoils the next, and writes what it saw. After the processes it can start nothing
// more, so the end is done by the shell alone.
const script = `mkdir /grade/results
head -c %[1]d /dev/zero | tail -c %[1]d | wc -c > /grade/memory
read -r held < /grade/memory
(
	read -r begin rest < /proc/uptime; begin=${begin%%.*}; now=$begin
	while [ $((now - begin)) -lt 2 ]; do read -r now rest < /proc/uptime; now=${now%%.*}; done
	times > /grade/times
)
read -r user system < /grade/times
throttled=-1
for stat in /sys/fs/cgroup/cpu.stat /sys/fs/cgroup/cpu/cpu.stat; do
	[ -r $stat ] && while read -r key value; do [ $key = nr_throttled ] && throttled=$value; done < $stat
done
( n=0; while [ $n -lt %[2]d ]; do sleep 15 & n=$((n + 1)); echo $n > /grade/forks; done ) 2> /dev/null
read -r forks < /grade/forks
echo "{\"score\": 1, \"output\": \"$held $user $system $throttled $forks\"}" > /grade/results/results.json
`

// Trial is a real job in a real container, made to break its limits.
type Trial struct {
	// Engine makes the container.
	Engine sandbox.Engine
	// Runner is the runner's id, which labels it.
	Runner string
	// Image has /bin/sh, head, tail, wc and sleep, as nearly every image does.
	Image string
}

// profile has every limit at its trial's.
func (t *Trial) profile(runtime string) *sandbox.Profile {
	profile := sandbox.Profiles()[sandbox.PrairieLearn]
	profile.Name, profile.Runtime = "doctor", runtime
	profile.MemoryBytes, profile.CPUs, profile.Processes = trialMemory, trialCPUs, trialProcesses
	profile.GradeBytes, profile.ScratchBytes, profile.SharedBytes = trialScratch, trialScratch, trialScratch
	return profile
}

// Start says whether a container starts, runs a job and gives its results back, with the engine's runtime of the name; "" is its default.
func (t *Trial) Start(ctx context.Context, runtime string) Finding {
	name := "runtime"
	if runtime != "" {
		name += " " + runtime
	}
	tried, err := t.try(ctx, runtime)
	if err != nil {
		return Bad(name, "Try `docker run --rm "+t.Image+" true`"+withRuntime(runtime)+"; what it says is the engine's own reason.",
			"no job can run: %v", err)
	}
	return Good(name, "a job ran in %s, from a cold start to its results", tried.Took.Round(time.Millisecond))
}

func (t *Trial) try(ctx context.Context, runtime string) (*sandbox.Trial, error) {
	image, err := t.Engine.Image(ctx, t.Image)
	if err != nil {
		return nil, err
	}
	return sandbox.Try(ctx, t.Engine, &sandbox.Spec{Image: image, Profile: t.profile(runtime), Runner: t.Runner, Job: "doctor"}, trialTimeout)
}

func withRuntime(runtime string) string {
	if runtime == "" {
		return ""
	}
	return " with --runtime " + runtime
}

// Limits says of memory, processor and processes whether a job that wants more is held.
func (t *Trial) Limits(ctx context.Context) []Finding {
	report, err := t.grade(ctx, t.profile(""), fmt.Sprintf(script, trialBytes, trialForks))
	if err == nil && (report.Outcome == jobspec.OutOfMemory || report.Exit != nil && report.Exit.OutOfMemory) && !report.Succeeded {
		// The kernel may choose another process of the container than the one that asked for most.
		return []Finding{Good("memory limit", "a job that wanted %s was ended", size(trialBytes))}
	}
	if err == nil && !report.Succeeded {
		err = errors.New(report.Message)
	}
	var seen observation
	if err == nil {
		seen, err = readObservation(report.Results)
	}
	if err != nil {
		return []Finding{Poor("limits", "Give an image with a POSIX shell by --image.", "the trial did not work: %v", err)}
	}
	return seen.findings()
}

// observation is what the script saw.
type observation struct {
	held         int64         // bytes that it got to keep
	used         time.Duration // of a processor, in a loop of 2 to 3 s
	throttled    int64         // how often the kernel held it back in that; -1 where it cannot be read
	forks        int64         // processes that it got
	user, system string        // the parts of used, as the shell's times prints them: 0m0.42s
}

func readObservation(text []byte) (o observation, err error) {
	var results struct{ Output string }
	if err := json.Unmarshal(text, &results); err != nil {
		return o, err
	}
	if _, err := fmt.Sscan(results.Output, &o.held, &o.user, &o.system, &o.throttled, &o.forks); err != nil {
		return o, fmt.Errorf("the trial's words %q cannot be read: %w", results.Output, err)
	}
	user, err := time.ParseDuration(o.user)
	if err != nil {
		return o, err
	}
	system, err := time.ParseDuration(o.system)
	o.used = user + system
	return o, err
}

func (o *observation) findings() []Finding {
	return []Finding{o.memory(), o.processor(), o.processes()}
}

func (o *observation) memory() Finding {
	if o.held >= trialBytes {
		return Bad("memory limit", "Turn the memory cgroup on (kernel parameter cgroup_enable=memory; delegation for a rootless engine).",
			"a job held %s although its container may have %s", size(o.held), size(trialMemory+4*trialScratch))
	}
	return Good("memory limit", "a job that wanted %s was stopped", size(trialBytes))
}

func (o *observation) processor() Finding {
	const name = "cpu limit"
	most := time.Duration(2 * trialCPUs * 3 * float64(time.Second))
	switch {
	case o.throttled > 0:
		return Good(name, "a job that wanted a whole processor was held back %d times", o.throttled)
	case o.used > most:
		return Bad(name, "Turn the cpu cgroup with CFS quotas on; without, jobs take processors from each other and from the runner.",
			"a job got %s of processor time in 3 s, with a limit of %.1f processors", o.used, trialCPUs)
	}
	return Poor(name, "Look again when the host is quiet.", "too busy to tell: a job got %s in 3 s, which no limit need explain", o.used)
}

func (o *observation) processes() Finding {
	if o.forks >= trialForks {
		return Bad("process limit", "Turn the pids cgroup on; without, one job can use up the host's processes.",
			"a job started %d processes, with a limit of %d", o.forks, trialProcesses)
	}
	return Good("process limit", "a job that wanted %d processes got %d", trialForks, o.forks)
}

// grade runs the script as a job through the same runner as production.
func (t *Trial) grade(ctx context.Context, profile *sandbox.Profile, script string) (*jobspec.Report, error) {
	archive, err := archiveOf("run.sh", script)
	if err != nil {
		return nil, err
	}
	grader := runner.New(t.Engine, oneFile(archive), &runner.Options{ID: t.Runner, Version: "doctor", Profile: profile})
	grading, err := grader.Grade(ctx, &jobspec.Job{
		ID: "doctor", Image: t.Image, Entrypoint: []string{"/bin/sh", "/grade/run.sh"}, Timeout: trialTimeout, ReceivedAt: time.Now(),
	})
	if err != nil {
		return nil, err
	}
	removing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return grading.Report, grading.Close(removing)
}

// oneFile is the store of a job whose only file is its archive.
type oneFile []byte

// Open implements runner.Files.
func (f oneFile) Open(_ context.Context, _ jobspec.Location, name string) (io.ReadCloser, error) {
	if name != jobspec.ArchiveName {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(f)), nil
}

func archiveOf(name, text string) ([]byte, error) {
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = io.Copy(archive, strings.NewReader(text))
	}
	err = errors.Join(err, archive.Close(), zipped.Close())
	return out.Bytes(), err
}
