package localstack_test

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/slashgrade/slashgrade/internal/testenv"
)

// Jobs of the bucket are graded again by the question of today, and their answers stay as they are.
func TestRegrade(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.serve(t)
	scripts := map[string]string{
		"was-wrong": "mkdir /grade/results; echo '{\"score\":0.5}' >/grade/results/results.json\n",
		"was-right": leave,
	}
	list := ""
	for id, script := range scripts {
		s.upload(t, id, pack(t, script, testenv.Entry{Name: "./student/answer.json", Content: perfect}))
		s.send(t, s.message(t, id, nil))
		list += "s3://" + s.bucket + "/" + root(id) + "\n"
	}
	s.answers(t, len(scripts))
	before := string(s.stored(t, "was-wrong", "results.json"))
	status, stdout, stderr := s.run(t, "regrade", course(t), "--all", "--jobs="+write(t, filepath.Join(t.TempDir(), "jobs.txt"), list),
		"--s3.endpoint="+s.endpoint, "--engine.pull=missing", "--runner.data_dir="+t.TempDir())
	if status != 3 {
		t.Errorf("the status is %d, want 3 for grades that change", status)
	}
	for _, want := range []string{"job_was-wrong +│ 50% +│ 100% ", "job_was-right +│ 100% +│ 100% "} {
		if !regexp.MustCompile(want).MatchString(stdout) {
			t.Errorf("want %q in\n%s\n%s", want, stdout, stderr)
		}
	}
	if after := string(s.stored(t, "was-wrong", "results.json")); after != before {
		t.Errorf("the stored results became %s", after)
	}
}
