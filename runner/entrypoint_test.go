package runner_test

import (
	"bytes"
	"crypto/rand"
	"os/exec"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/jobspec"
)

func notStarted(reason string) verdict {
	return verdict{
		Outcome: jobspec.NotStarted, Results: absent,
		Message: "The grading program could not be started: " + reason + ". Please contact course staff.",
	}
}

func TestEntrypoints(t *testing.T) {
	b := newBench(t)
	b.rows(t, []row{
		{
			name: "missing", job: job{entrypoint: []string{"/grade/tests/none.sh"}},
			want: notStarted(`there is no file "/grade/tests/none.sh"`),
		},
		{
			name: "in no folder of PATH", job: job{entrypoint: []string{"none"}},
			want: notStarted(`the program "none" is in no folder of PATH`),
		},
		{
			name: "not executable", job: job{entrypoint: []string{"/etc/passwd"}},
			want: notStarted(`"/etc/passwd" may not be executed: it is a folder, or lacks the execute permission`),
		},
		{
			name: "a folder", job: job{entrypoint: []string{"/grade/tests"}},
			want: notStarted(`"/grade/tests" may not be executed: it is a folder, or lacks the execute permission`),
		},
		{
			name: "Windows line ends",
			job: job{
				files:      []testenv.Entry{{Name: "tests/dos.sh", Content: "#!/bin/sh\r\ntrue\r\n"}},
				entrypoint: []string{"/grade/tests/dos.sh"},
			},
			want: notStarted(`"/grade/tests/dos.sh" begins with the line "#!/bin/sh\r", but there is no such program; ` +
				`the file has Windows line ends ("\r\n"), save it with Unix line ends`),
		},
		{
			name: "no first line",
			job: job{
				files:      []testenv.Entry{{Name: "tests/bare", Content: "echo hello\n"}},
				entrypoint: []string{"/grade/tests/bare"},
			},
			want: notStarted(`"/grade/tests/bare" is not a program: a script needs a first line such as #!/bin/sh`),
		},
		{
			name: "a program of the image with arguments",
			job:  job{entrypoint: []string{"sh", "-c", leave + `; echo "$0:$1"`, "a b", "$(c)"}, results: perfect},
			want: goodVerdict(perfect), log: "container> a b:$(c)",
		},
		{
			name: "a program that the archive did not make executable",
			job:  job{entrypoint: []string{script, "x"}, script: leave, results: perfect}, want: goodVerdict(perfect),
		},
	})
}

// derived makes an image with the changes, in Dockerfile's words, and returns its name.
func derived(t *testing.T, changes ...string) string {
	t.Helper()
	run := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), "docker", args...).Output()
		if err != nil {
			t.Fatalf("docker %s: %v", args[0], err)
		}
		return strings.TrimSpace(string(out))
	}
	name := "slashgrade-test/" + strings.ToLower(rand.Text())
	container := run("create", testenv.Image, "true")
	args := []string{"commit"}
	for _, change := range changes {
		args = append(args, "--change", change)
	}
	run(append(args, container, name)...)
	run("rm", container)
	removeImage(t, name)
	return name
}

// removeImage removes the image when the test ends.
func removeImage(t *testing.T, name string) {
	t.Helper()
	t.Cleanup(func() {
		if out, err := exec.Command("docker", "rmi", name).CombinedOutput(); err != nil {
			t.Errorf("remove the image: %v: %s", err, out)
		}
	})
}

func TestImagesOwnEntrypoint(t *testing.T) {
	b := newBench(t)
	image := derived(t, `ENTRYPOINT ["/bin/sh", "-c"]`, `CMD ["pwd; `+leave+`; echo own"]`, "WORKDIR /var/lib", "ENV KEPT=1 GONE=1 CHANGED=1")
	b.rows(t, []row{
		{
			name: "null", job: job{image: image, imagesOwn: true, results: perfect}, want: goodVerdict(perfect),
			log: "container> own",
		},
		{
			name: "given: CMD is dropped", job: job{image: image, script: `echo "$# arguments in $(pwd)"; ` + leave, results: perfect},
			want: goodVerdict(perfect), log: "container> 0 arguments in /var/lib",
		},
		{
			name: "environment",
			job: job{
				image: image, env: map[string]*string{"GONE": nil, "CHANGED": new("2"), "ADDED": new("a b=c"), "TERM": nil, "EMPTY": new("")},
				script: `echo "$KEPT,${GONE-none},$CHANGED,$ADDED,${TERM-none},${EMPTY-none},$SLASHGRADE_TIMEOUT_SECONDS,$HOME"` + "\n" + leave, results: perfect,
			},
			want: goodVerdict(perfect), log: "container> 1,none,2,a b=c,none,,20,/root",
		},
		{
			name: "TERM", job: job{image: image, script: "echo term=$TERM; " + leave, results: perfect},
			want: goodVerdict(perfect), log: "container> term=xterm",
		},
	})
}

// An image with nothing in it, not even a shell, is as good as any other: what a job lacks in it is the job's fault.
func TestEmptyImage(t *testing.T) {
	b := newBench(t)
	image := "slashgrade-test/" + strings.ToLower(rand.Text())
	load := exec.CommandContext(t.Context(), "docker", "import", "-", image)
	load.Stdin = bytes.NewReader(make([]byte, 1024)) // the end of a tar, and nothing before it
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("docker import: %v: %s", err, out)
	}
	removeImage(t, image)
	b.rows(t, []row{
		{
			name: "no entrypoint", job: job{image: image, imagesOwn: true},
			want: notStarted("the job names no program to run, and its image has none"),
		},
		{
			name: "no shell", job: job{image: image},
			want: notStarted(`"/grade/tests/run.sh" begins with the line "#!/bin/sh", but there is no such program`),
		},
	})
}
