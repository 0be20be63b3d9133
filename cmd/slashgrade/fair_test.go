package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
)

// A course sends a burst, and then another course one job. By turns that one is not last; without, it is.
func TestCoursesTakeTurns(t *testing.T) {
	testenv.NeedsDocker(t)
	const burst = 8
	for ahead, check := range map[int]func(place int) bool{
		// One job runs and one may have been handed out before the last is here.
		20: func(place int) bool { return place <= 4 },
		0:  func(place int) bool { return place == burst+1 },
	} {
		t.Run(fmt.Sprint("ahead ", ahead), func(t *testing.T) {
			h := fairHost(t, ahead)
			for range burst {
				sendOf(t, h, "many")
			}
			last := sendOf(t, h, "one")
			if place := placeOf(t, h, last, burst+1); !check(place) {
				t.Errorf("the other course's job was answered as number %d of %d", place, burst+1)
			}
		})
	}
}

// fairHost is what serve opens, with one job at a time and no waiting containers.
func fairHost(t *testing.T, ahead int) *host {
	t.Helper()
	config := defaultConfig()
	config.Runner.DataDir, config.Runner.Concurrency, config.Runner.Archive = t.TempDir(), 1, false
	config.Engine.Guest, config.Engine.Host, config.Engine.Pull = testenv.GuestFolder(t), os.Getenv("DOCKER_HOST"), "missing"
	config.Pool.Places = 0
	config.Fair.Ahead, config.Fair.Share = ahead, "env:COURSE"
	if err := config.validate(); err != nil {
		t.Fatal(err)
	}
	h, err := openHost(t.Context(), config, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	if err := h.dir.Lock(); err != nil {
		t.Fatal(err)
	}
	h.lasts = true
	return h
}

// sendOf puts a job of the course on the queue, as enqueue does, and returns its ID.
func sendOf(t *testing.T, h *host, course string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"infoCourse.json": "{}",
		"q/info.json": `{"gradingMethod": "External", "externalGradingOptions": {"image": "debian:trixie-slim",
			"entrypoint": ["/bin/sh", "/grade/tests/run.sh"], "environment": {"COURSE": "` + course + `"}}}`,
		"q/tests/run.sh": `mkdir /grade/results; echo '{"score": 1}' > /grade/results/results.json`,
		"answer.txt":     "an answer",
	} {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	jobs, err := (&enqueueOptions{}).collect([]string{filepath.Join(folder, "q"), filepath.Join(folder, "answer.txt")})
	if err != nil {
		t.Fatal(err)
	}
	if err := storeArchive(t.Context(), h, jobs[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := h.river.Insert(t.Context(), jobs[0].job); err != nil {
		t.Fatal(err)
	}
	return jobs[0].job.ID
}

// placeOf grades n jobs and says as which of them the job was answered.
func placeOf(t *testing.T, h *host, id string, n int) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	place, answered := 0, 0
	worker, err := h.worker(ctx, &queue.WorkerOptions{Answered: func(r *jobspec.Report) {
		if answered++; r.JobID == id {
			place = answered
		}
		if r.Outcome != jobspec.Graded {
			t.Errorf("job %s: %s", r.JobID, r.Outcome)
		}
		if answered == n {
			cancel()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	worker.Run(ctx, context.WithoutCancel(ctx))
	if answered != n {
		t.Fatalf("%d of %d jobs were answered", answered, n)
	}
	return place
}
