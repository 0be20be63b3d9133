package desk_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/jobspec"
)

// A kept /grade has the job's files and nothing that could harm who looks into it.
func TestKeep(t *testing.T) {
	d := newDesk(t)
	work := newWork(t, openQuestion(t, wordCount), examples+"/submissions/word-count/correct/count.sh")
	work.Job.Entrypoint = []string{"/bin/sh", "-c", `
		cd /grade; mkdir -p results deep/er; echo '{"score": 1}' > results/results.json
		echo x > deep/file; chmod 4777 deep/file
		ln -s file deep/inside; ln -s ../student deep/also-inside; ln -s nothing deep/dangling
		ln -s /etc/passwd absolute; ln -s ../../etc/passwd relative
		ln -s ../.. deep/er/up; ln -s deep/er/up/.. through-another`}
	grading, err := d.Grade(t.Context(), work)
	if err != nil {
		t.Fatal(err)
	}
	defer grading.Close(t.Context()) //nolint:errcheck // newDesk looks for what is left
	if grading.Report.Outcome != jobspec.Graded {
		t.Fatalf("the job ended %s: %s", grading.Report.Outcome, grading.Report.Message)
	}
	folder, skipped, err := desk.Keep(t.Context(), grading, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var links []string
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
			t.Errorf("%s has the mode %s", path, info.Mode())
		}
		if entry.Type() == fs.ModeSymlink {
			links = append(links, strings.TrimPrefix(path, folder+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(skipped)
	wantSkipped := []string{}
	for _, name := range []string{"absolute", "relative", "through-another"} {
		wantSkipped = append(wantSkipped, name+" (a link that leads out of it)")
	}
	if diff := cmp.Diff(wantSkipped, skipped); diff != "" {
		t.Errorf("what was left out differs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"deep/also-inside", "deep/dangling", "deep/er/up", "deep/inside"}, links); diff != "" {
		t.Errorf("the links differ (-want +got):\n%s", diff)
	}
	if text, err := os.ReadFile(filepath.Join(folder, "deep", "inside")); string(text) != "x\n" || err != nil {
		t.Errorf("deep/inside holds %q, %v", text, err)
	}
}
