package runner_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kballard/go-shellquote"

	"github.com/slashgrade/slashgrade/internal/testengine"
	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// TestPool grades in containers that waited: nothing but the time may tell, and nothing of a job reaches the next.
func TestPool(t *testing.T) {
	b := newBench(t)
	pool := sandbox.NewPool(b.engine, &sandbox.PoolOptions{Places: 1})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { pool.Run(ctx) })
	defer running.Wait()
	defer stop()
	leaves := &job{script: leave + "\ntest ! -e /tmp/earlier || exit 9; touch /tmp/earlier", results: perfect}
	for round := range 4 {
		waitFor(t, func() bool { return round == 0 || pool.Waiting() == 1 })
		graders := runner.New(b.engine, content(leaves.pack(t)), &runner.Options{ID: b.id, Version: "test", Pool: pool})
		grading, err := graders.Grade(t.Context(), leaves.spec())
		if err != nil {
			t.Fatal(err)
		}
		if !grading.Report.Succeeded || string(grading.Report.Results) != perfect {
			t.Errorf("the report is %+v", grading.Report)
		}
		if err := grading.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
}

// TestWarmups grades in an image whose warm-up says so in the job's output. Which jobs it may become is the runner's to say.
func TestWarmups(t *testing.T) {
	b := newBench(t)
	const own, ready = "/bin/sh /grade/tests/run.sh", `echo '{"ready":true,"folders":["tests"],"names":["numpy"]}' >&3; read -r line <&3; `
	works := derived(t, `ENTRYPOINT ["/bin/sh", "/grade/tests/run.sh"]`, warmup(ready+"exec 3<&-; echo warm; exec "+own))
	fails := derived(t, `ENTRYPOINT ["/bin/sh", "/grade/tests/run.sh"]`, warmup("echo nonsense >&3; exec sleep 1000"))
	value := "x"
	for name, c := range map[string]struct {
		job  job
		warm bool
	}{
		"no entrypoint":          {job{image: works, imagesOwn: true}, true},
		"the image's entrypoint": {job{image: works, entrypoint: strings.Fields(own)}, true},
		"another entrypoint":     {job{image: works}, false},
		"an environment":         {job{image: works, imagesOwn: true, env: map[string]*string{"A": &value}}, false},
		"a variable less":        {job{image: works, imagesOwn: true, env: map[string]*string{"A": nil}}, false},
		"a shadow":               {job{image: works, imagesOwn: true, files: []testenv.Entry{{Name: "tests/numpy.py"}}}, false},
		"a warm-up that fails":   {job{image: fails, imagesOwn: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c.job.script, c.job.results = leave, perfect
			var logged logLines
			log, warnings := b.gradeWarm(t, &c.job, slog.New(slog.NewTextHandler(&logged, nil))), "warm-up failed"
			if warm := strings.Contains(log, "container> warm"); warm != c.warm {
				t.Errorf("warm %v, want %v; the log is\n%s", warm, c.warm, log)
			}
			if told := strings.Contains(logged.String(), warnings); told != (c.job.image == fails) {
				t.Errorf("the operator's log holds %q: %v:\n%s", warnings, told, logged.String())
			}
		})
	}
}

// logLines is a log that tests read while it is written.
type logLines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// warmup is the Dockerfile's line for a warm-up in shell.
func warmup(script string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`).Replace(shellquote.Join("/bin/sh", "-c", script))
	return "LABEL " + sandbox.LabelWarmup + `="` + quoted + `"`
}

// gradeWarm grades a job, which must be perfect, in a container that has waited, and returns the job's log.
func (b *bench) gradeWarm(t *testing.T, j *job, log *slog.Logger) string {
	t.Helper()
	pool := testengine.Waiting(t, b.engine, j.image, b.id, log)
	graders := runner.New(b.engine, content(j.pack(t)), &runner.Options{ID: b.id, Version: "test", Pool: pool, Log: log})
	grading, err := graders.Grade(t.Context(), j.spec())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := grading.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	if !grading.Report.Succeeded || string(grading.Report.Results) != perfect {
		t.Errorf("the report is %+v", grading.Report)
	}
	return readLog(t, grading.Log)
}

func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal("it did not come about within 30 s")
		}
		time.Sleep(5 * time.Millisecond)
	}
}
