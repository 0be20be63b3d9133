package localstack_test

import (
	"slices"
	"syscall"
	"testing"
)

// The first SIGTERM: nothing new is taken, and what runs is finished and answered, however many visibility timeouts it takes.
func TestTermFinishesJobs(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	srv := s.serve(t, "sqs.visibility_timeout=4s")
	s.submit(t, "long", "sleep 9\n"+leave)
	srv.waitForJob(t)
	srv.signal(t, syscall.SIGTERM)
	eventually(t, "serve says that it stops", func() bool { return srv.logged("stopping: no more jobs are taken") == 1 })
	late := s.message(t, "late", nil)
	s.send(t, late)
	// Whoever else listens gets the new job only: the running one is never visible.
	if taken := s.takeUntil(t, srv.ended); !slices.Equal(taken, []string{late}) {
		t.Errorf("others received %q, want the late job only", taken)
	}
	if status := srv.wait(t); status != 0 {
		t.Errorf("serve ended with status %d", status)
	}
	if r := s.answer(t, "long"); r.Outcome != "graded" {
		t.Errorf("the job was %s", r.Outcome)
	}
	s.wantLeft(t, "0")
	if left := srv.containers(t, "-a"); len(left) > 0 {
		t.Errorf("containers are left: %v", left)
	}
}

// takeUntil is another receiver on the jobs queue: it takes and deletes what it gets until ended is closed.
func (s *stand) takeUntil(t *testing.T, ended <-chan struct{}) []string {
	t.Helper()
	var taken []string
	for {
		bodies, err := s.Drain(t.Context(), s.jobs)
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, bodies...)
		select {
		case <-ended:
			return taken
		default:
		}
	}
}

// The second SIGTERM: the job goes back at once, to whoever takes it.
func TestSecondTermGivesBack(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	srv := s.serve(t, "sqs.visibility_timeout=600s")
	s.submit(t, "given", "sleep 60\n"+leave)
	srv.waitForJob(t)
	srv.signal(t, syscall.SIGTERM)
	eventually(t, "serve says that it stops", func() bool { return srv.logged("stopping: no more jobs are taken") == 1 })
	srv.signal(t, syscall.SIGTERM)
	if status := srv.wait(t); status != 0 {
		t.Errorf("serve ended with status %d", status)
	}
	if left := srv.containers(t, "-a"); len(left) > 0 {
		t.Errorf("containers are left: %v", left)
	}
	s.wantLeft(t, "1")
	s.upload(t, "given", pack(t, leave)) // the same job, quicker
	s.serve(t)
	if r := s.answer(t, "given"); r.Outcome != "graded" {
		t.Errorf("the job was %s", r.Outcome)
	}
	s.wantLeft(t, "0")
}

// After a kill -9 the guests end by themselves, and with one the job; the next start removes their containers, and the job is graded when
// it comes again.
func TestKilled(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	srv := s.serve(t, "sqs.visibility_timeout=5s")
	s.submit(t, "killed", "sleep 60\n"+leave)
	srv.waitForJob(t)
	srv.kill(t)
	eventually(t, "the container of a runner that is gone ends", func() bool { return len(srv.containers(t)) == 0 })
	left := srv.containers(t, "-a")
	if len(left) == 0 {
		t.Error("no container is left, want those that ended: the job's, and one that waited for the next")
	}
	s.upload(t, "killed", pack(t, leave))
	next := s.serveOn(t, srv.data)
	if next.logged("removed containers that an earlier run left") != 1 {
		t.Error("the next start does not say that it removed a container")
	}
	for _, id := range next.containers(t, "-a") { // it has its own by now
		if slices.Contains(left, id) {
			t.Errorf("container %s is left", id)
		}
	}
	if r := s.answer(t, "killed"); r.Outcome != "graded" {
		t.Errorf("the job was %s", r.Outcome)
	}
	s.wantLeft(t, "0")
}

func TestSecondServeOnOneFolder(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	srv := s.serve(t)
	second := s.start(t, srv.data)
	if status := second.wait(t); status != 1 || second.logged("slashgrade: another slashgrade runs on this data directory: "+srv.data) != 1 {
		t.Errorf("the second serve ended with status %d: %v", status, second.lines())
	}
	s.submit(t, "good", leave)
	if r := s.answer(t, "good"); r.Outcome != "graded" {
		t.Errorf("the job was %s", r.Outcome)
	}
}
