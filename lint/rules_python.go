package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// pythonFileRules are about the files that the Python grader needs.
func pythonFileRules() []Rule {
	return []Rule{
		{Name: "python-test-missing", Severity: Error, Finds: "a Python question without `tests/test.py`", question: pythonFile("test.py", "there is nothing to run")},
		{Name: "python-answer-missing", Severity: Error, Finds: "a Python question without `tests/ans.py`", question: pythonFile("ans.py", "every submission ends in an internal error")},
		{Name: "python-setup-missing", Severity: Error, Finds: "a Python question without `tests/setup_code.py`", question: pythonFile("setup_code.py", "every submission ends in an internal error")},
		{Name: "python-syntax", Severity: Error, Finds: "a Python file that is not Python", question: pythonSyntax},
		{Name: "python-not-listed", Severity: Error, Finds: "an import from `serverFilesCourse` that the option of that name leaves out", question: pythonNotListed},
		{Name: "student-file", Severity: Error, Finds: "a `student_code_file` that the page does not take", question: studentFile},
	}
}

func pythonFile(name, consequence string) func(*question) []Finding {
	return func(q *question) []Finding {
		file := q.path("tests/" + name)
		if !q.python || exists(q.fsys, file) {
			return nil
		}
		advice := "add the file; it may be empty"
		if name == "test.py" {
			advice = "add the file, with a class Test"
		}
		if other := inOtherCase(q.fsys, file); other != "" {
			advice = fmt.Sprintf("rename %s to %s", other, name)
		}
		return []Finding{at(q.info.file, q.info.keyAt(optionsPointer), fmt.Sprintf("the Python grader needs %s, which is not there: %s", file, consequence), advice)}
	}
}

// graderFiles are the question's files that the Python grader runs on their own.
func (q *question) graderFiles() []string {
	var found []string
	for _, name := range []string{"test.py", "ans.py", "setup_code.py"} {
		found = append(found, q.path("tests/"+name))
	}
	return found
}

// pythonFiles are the files that are parsed for a question: the grader's, and the modules beside them.
func (q *question) pythonFiles() []string {
	if !q.python {
		return nil
	}
	var found []string
	entries, _ := tree(q.fsys, q.path("tests"))
	for _, e := range entries {
		if e.mode.IsRegular() && strings.HasSuffix(e.name, ".py") && !slices.Contains([]string{"leading_code.py", "trailing_code.py"}, path.Base(e.name)) {
			found = append(found, e.name)
		}
	}
	return found
}

func pythonSyntax(q *question) []Finding {
	if !q.python || q.modules == nil {
		return nil
	}
	var found []Finding
	for _, file := range q.graderFiles() {
		m := q.modules.byFile[file]
		if m == nil || m.Fault == "" {
			continue
		}
		found = append(found, at(file, place{max(1, m.Line), max(1, m.Column)}, fmt.Sprintf("Python %s: %s", q.modules.version, m.Fault), "correct the file"))
	}
	return found
}

func pythonNotListed(q *question) []Finding {
	if !q.python {
		return nil
	}
	var found []Finding
	for _, file := range q.graderFiles() {
		m := q.modules.file(file)
		if m == nil {
			continue
		}
		for i := range m.Imports {
			if name := q.unlisted(&m.Imports[i]); name != "" {
				found = append(found, m.finding(m.Imports[i].position,
					fmt.Sprintf("%s lies in the course's serverFilesCourse, but the job does not get it: the import fails", name),
					fmt.Sprintf("add %q to serverFilesCourse in info.json", name)))
			}
		}
	}
	return found
}

// unlisted is the name in serverFilesCourse that an import needs and the option does not list, "" if all is well.
func (q *question) unlisted(i *imported) string {
	first, _, _ := strings.Cut(i.Module, ".")
	if exists(q.fsys, q.path("tests/"+first+".py")) || exists(q.fsys, q.path("tests/"+first)) {
		return ""
	}
	for _, name := range []string{first, first + ".py"} {
		if exists(q.fsys, courseFile(name)) && !q.lists(name) && !q.listsPart(name) {
			return name
		}
	}
	return ""
}

// listsPart says whether something below the name is listed, which may be what is imported.
func (q *question) listsPart(name string) bool {
	return slices.ContainsFunc(q.listed, func(listed string) bool { return strings.HasPrefix(listed, name+"/") })
}

// studentCode is the file of the student that the tests run, and where the class says so; ok is false where it is not known.
func (q *question) studentCode() (name string, at position, ok bool) {
	_, c := q.testClass()
	if c == nil {
		return "", position{}, false
	}
	given, named := c.Values["student_code_file"]
	if !named {
		return "user_code.py", c.position, len(q.lineage()) == 1
	}
	name, isText := given.Value.(string)
	return name, given.position, given.Known && isText
}

func studentFile(q *question) []Finding {
	name, p, known := q.studentCode()
	if q.html == nil || !known {
		return nil
	}
	names, first := q.html.files()
	if first == nil || slices.Contains(names, name) || q.takesOther(names) {
		return nil
	}
	m, _ := q.testClass()
	return []Finding{m.finding(p, fmt.Sprintf("the tests run the student's %s, but question.html takes %s", name, strings.Join(names, ", ")),
		fmt.Sprintf("set student_code_file = %q in the class, or rename the file in question.html", names[0]))}
}

// takesOther says whether files may come in another way than by the page's elements: from a workspace, by a pattern.
func (q *question) takesOther(names []string) bool {
	_, workspace := q.info.object()["workspaceOptions"]
	return workspace || slices.ContainsFunc(names, func(name string) bool { return strings.ContainsAny(name, "*?[{") })
}

// finding is a finding in a Python file. Python counts columns in bytes.
func (m *module) finding(p position, message, advice string) Finding {
	return at(m.file, m.place(p), message, advice)
}

func (m *module) place(p position) place {
	if m.lines == nil || p.Line < 1 || p.Line > len(m.lines.starts) {
		return place{max(1, p.Line), max(1, p.Column)}
	}
	return m.lines.place(m.lines.starts[p.Line-1] + p.Column - 1)
}
