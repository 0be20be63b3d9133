package lint

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/slashgrade/slashgrade/jobspec"
)

// fileRules are about the files that a job gets from the course.
func fileRules() []Rule {
	return []Rule{
		{Name: "course-file-missing", Severity: Error, Finds: "a name in `serverFilesCourse` that is not there", question: courseFileMissing},
		{Name: "course-file-pattern", Severity: Error, Finds: "a wildcard in `serverFilesCourse`", question: courseFilePattern},
		{Name: "course-file-twice", Severity: Note, Finds: "a name in `serverFilesCourse` that another one brings already", question: courseFileTwice},
		{Name: "tests-folder", Severity: Error, Finds: "`tests` that is not a folder", question: testsFolder},
		{Name: "link-outside", Severity: Error, Finds: "a symbolic link that leads nowhere in the job", question: linkOutside},
		{Name: "special-file", Severity: Error, Finds: "a FIFO, socket or device among the files", question: specialFile},
		{Name: "script-line-ends", Severity: Warning, Finds: "a script whose interpreter line ends in CR LF", question: scriptLineEnds},
		{Name: "files-too-large", Severity: Error, Finds: "files that do not fit into `/grade`", question: filesTooLarge},
		{Name: "file-left-over", Severity: Note, Finds: "files that an editor or program left behind", question: fileLeftOver},
	}
}

// eachListed goes through serverFilesCourse as it is written.
func (q *question) eachListed(visit func(name string, p place)) {
	items, _ := q.options["serverFilesCourse"].([]any)
	for i, item := range items {
		name, isText := item.(string)
		if isText && q.graded() && fs.ValidPath(path.Clean(name)) {
			visit(name, q.info.valueAt(fmt.Sprintf("%s/serverFilesCourse/%d", optionsPointer, i)))
		}
	}
}

func courseFile(name string) string { return path.Join("serverFilesCourse", name) }

func courseFileMissing(q *question) []Finding {
	var found []Finding
	q.eachListed(func(name string, p place) {
		if exists(q.fsys, courseFile(name)) || strings.ContainsAny(name, "*?[") {
			return
		}
		advice := "add it to the course's folder serverFilesCourse, or correct the name"
		if other := inOtherCase(q.fsys, courseFile(name)); other != "" {
			advice = fmt.Sprintf("there is %s; upper and lower case count", other)
		}
		found = append(found, q.info.finding(p, fmt.Sprintf("the course has no serverFilesCourse/%s, so no job of this question can be assembled", path.Clean(name)), advice))
	})
	return found
}

func courseFilePattern(q *question) []Finding {
	var found []Finding
	q.eachListed(func(name string, p place) {
		if strings.ContainsAny(name, "*?[") && !exists(q.fsys, courseFile(name)) {
			found = append(found, q.info.finding(p, fmt.Sprintf("%q is taken literally: names in serverFilesCourse have no wildcards", name),
				"name the folder, which brings all that is in it"))
		}
	})
	return found
}

func courseFileTwice(q *question) []Finding {
	var found []Finding
	var before []string
	q.eachListed(func(name string, p place) {
		clean := path.Clean(name)
		for _, other := range before {
			if other == clean || other == "." || strings.HasPrefix(clean, other+"/") {
				found = append(found, q.info.finding(p, fmt.Sprintf("%q comes with %q already", name, other), "remove one of them"))
				break
			}
		}
		before = append(before, clean)
	})
	return found
}

func testsFolder(q *question) []Finding {
	info, err := fs.Lstat(q.fsys, q.path("tests"))
	if !q.graded() || err != nil || info.IsDir() {
		return nil
	}
	advice := "make a folder tests and put the file into it"
	if info.Mode()&fs.ModeSymlink != 0 {
		advice = "make a folder tests and copy into it what the link names; files that several questions share belong into serverFilesCourse"
	}
	return []Finding{at(q.path("tests"), top(), "tests must be a folder; as it is, no job of this question can be assembled", advice)}
}

// part is a tree of the course that a job gets under one of the folders of /grade.
type part struct {
	root    string // in the course
	inGrade string // below /grade
	entries []entry
	more    bool
}

// parts are all trees that a job of the question gets.
func (q *question) parts() []part {
	if !q.graded() {
		return nil
	}
	var found []part
	add := func(root, inGrade string) {
		if entries, more := tree(q.fsys, root); len(entries) > 0 {
			found = append(found, part{root, inGrade, entries, more})
		}
	}
	add(q.path("tests"), "tests")
	for _, name := range q.listed {
		add(courseFile(name), courseFile(name))
	}
	return found
}

// eachEntry goes through everything that a job gets. inGrade is its path below /grade.
func (q *question) eachEntry(visit func(e entry, inGrade string)) {
	for _, p := range q.parts() {
		for _, e := range p.entries {
			visit(e, path.Join(p.inGrade, strings.TrimPrefix(e.name, p.root)))
		}
	}
}

func linkOutside(q *question) []Finding {
	var found []Finding
	q.eachEntry(func(e entry, inGrade string) {
		if e.mode&fs.ModeSymlink == 0 {
			return
		}
		target, err := fs.ReadLink(q.fsys, e.name)
		if err != nil || path.IsAbs(target) && !strings.HasPrefix(path.Clean(target), "/grade/") && !isOfAHost(target) {
			return // the image may have it
		}
		if inJob := q.linkTarget(target, inGrade); inJob != "" && exists(q.fsys, inJob) {
			return
		}
		found = append(found, at(e.name, top(), fmt.Sprintf("the link leads to %s, which is not there in a job: links are copied as links", target),
			"copy the file to this place, or link to a file that the job gets too"))
	})
	return found
}

// isOfAHost says whether an absolute path is somebody's own, which no image has.
func isOfAHost(target string) bool {
	return strings.HasPrefix(target, "/home/") || strings.HasPrefix(target, "/Users/")
}

// linkTarget is the file of the course to which a link in a job leads, "" if none.
func (q *question) linkTarget(target, inGrade string) string {
	if !path.IsAbs(target) {
		target = path.Join("/grade", path.Dir(inGrade), target)
	}
	below, inside := strings.CutPrefix(path.Clean(target), "/grade/")
	folder, name, _ := strings.Cut(below, "/")
	if !inside || folder != "tests" && !q.lists(name) {
		return ""
	}
	return q.copied(below)
}

func specialFile(q *question) []Finding {
	var found []Finding
	q.eachEntry(func(e entry, _ string) {
		if kind := e.mode.Type(); kind != 0 && kind != fs.ModeDir && kind != fs.ModeSymlink {
			found = append(found, at(e.name, top(), "this is neither a file, a folder nor a link, so no job of this question can be assembled", "remove it"))
		}
	})
	return found
}

func scriptLineEnds(q *question) []Finding {
	told := q.scripts() // entrypoint-line-ends tells of these
	var found []Finding
	q.eachEntry(func(e entry, _ string) {
		if _, known := told[e.name]; known || !e.mode.IsRegular() {
			return
		}
		if data := head(q.fsys, e.name, 256); isScript(data) && firstCRLF(data) == 1 {
			found = append(found, at(e.name, top(), "the interpreter line ends in CR LF: the script cannot be run by its name",
				"save it with LF line ends (dos2unix)"))
		}
	})
	return found
}

func filesTooLarge(q *question) []Finding {
	var bytes int64
	count, more := 0, false
	for _, p := range q.parts() {
		count, more = count+len(p.entries), more || p.more
		for _, e := range p.entries {
			if e.mode.IsRegular() {
				bytes += e.size
			}
		}
	}
	switch {
	case bytes > jobspec.MaxGradeBytes:
		return q.tooLarge(fmt.Sprintf("%d MiB", bytes>>20), "1 GiB")
	case more || count > jobspec.MaxGradeEntries:
		return q.tooLarge("more than 200,000 entries", "200,000")
	}
	return nil
}

func (q *question) tooLarge(found, limit string) []Finding {
	return []Finding{q.info.finding(q.info.keyAt(optionsPointer), fmt.Sprintf("tests/ and serverFilesCourse have %s; /grade holds %s", found, limit),
		"put large files into the image")}
}

func fileLeftOver(q *question) []Finding {
	var found []Finding
	q.eachEntry(func(e entry, _ string) {
		if isLeftOver(path.Base(e.name)) {
			found = append(found, at(e.name, top(), "every job carries this file, and nothing needs it", "remove it, and add its name to .gitignore"))
		}
	})
	return found
}

func isLeftOver(base string) bool {
	switch base {
	case ".DS_Store", "Thumbs.db", "__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".mypy_cache", ".git", ".idea", ".vscode", "node_modules":
		return true
	}
	return strings.HasSuffix(base, "~") || strings.HasSuffix(base, ".swp") || strings.HasSuffix(base, ".orig")
}
