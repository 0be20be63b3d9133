package lint

import (
	"errors"
	"io/fs"
	"path"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/gradertest"
)

// expectRules are about samples that test a grader.
func expectRules() []Rule {
	return []Rule{
		{Name: "expect-invalid", Severity: Error, Finds: "an `expect.toml` with a mistake", question: expectInvalid},
		{Name: "expect-missing", Severity: Warning, Finds: "a sample submission without an `expect.toml`", question: expectMissing},
		{Name: "sample-empty", Severity: Warning, Finds: "a sample submission without files", question: sampleEmpty},
	}
}

// eachSample goes through the folders of sample submissions.
func (q *question) eachSample(visit func(folder string)) {
	entries, err := fs.ReadDir(q.fsys, q.path(desk.SamplesDir))
	if err != nil || !q.external {
		return
	}
	for _, entry := range entries {
		if entry.IsDir() {
			visit(q.path(path.Join(desk.SamplesDir, entry.Name())))
		}
	}
}

func expectInvalid(q *question) []Finding {
	var found []Finding
	q.eachSample(func(folder string) {
		name := path.Join(folder, desk.ExpectFile)
		data, _, err := readFile(q.fsys, name, gradertest.MaxExpectBytes)
		if err != nil {
			return
		}
		_, err = gradertest.ParseExpectation(data)
		if mistake, wrong := errors.AsType[*gradertest.Mistake](err); wrong {
			found = append(found, at(name, place{mistake.Line, mistake.Column}, mistake.Reason, "correct it; docs/grader-tests.md lists the keys"))
		}
	})
	return found
}

func expectMissing(q *question) []Finding {
	var found []Finding
	q.eachSample(func(folder string) {
		if !exists(q.fsys, path.Join(folder, desk.ExpectFile)) {
			found = append(found, at(folder, top(), "nothing says what must come of this sample", "record what comes out with slashgrade test --update"))
		}
	})
	return found
}

func sampleEmpty(q *question) []Finding {
	var found []Finding
	q.eachSample(func(folder string) {
		entries, _ := tree(q.fsys, folder)
		for _, e := range entries {
			if e.mode.IsRegular() && e.name != path.Join(folder, desk.ExpectFile) {
				return
			}
		}
		found = append(found, at(folder, top(), "the sample hands nothing in", "add the files as a student would hand them in"))
	})
	return found
}
