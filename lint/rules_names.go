package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// nameRules are about the names that pass between setup code, reference answer, tests and the student's code.
func nameRules() []Rule {
	return []Rule{
		{Name: "names-missing", Severity: Error, Finds: "a Python question without `names_from_user`", question: namesMissing},
		{Name: "names-undeclared", Severity: Error, Finds: "`self.st.x` for an x that `names_from_user` lacks", question: namesUndeclared},
		{Name: "names-reference", Severity: Error, Finds: "`self.ref.x` for an x that the reference answer lacks", question: namesReference},
		{Name: "names-setup", Severity: Warning, Finds: "a name of `names_for_user` that the setup code does not define", question: namesSetup},
		{Name: "python-not-read", Severity: Note, Finds: "Python files that could not be looked at, since there is no Python", question: pythonNotRead},
	}
}

// computedNames says whether server.py may make a list of names.
func (q *question) computedNames(list string) bool { return strings.Contains(string(q.server), list) }

func namesMissing(q *question) []Finding {
	if !q.python || q.html == nil || q.computedNames("names_from_user") || q.html.templated() {
		return nil
	}
	names, computed := q.html.declared("names_from_user")
	if len(names) > 0 {
		return nil
	}
	text := "the page declares no names_from_user, so every submission ends in an internal error"
	if computed {
		text = "the page's names_from_user has no variables, and no server.py makes them: every submission ends in an internal error"
	}
	return []Finding{at(q.html.file, q.html.variables("names_from_user"), text,
		`add <pl-external-grader-variables params-name="names_from_user"> with a <pl-variable name="…"> for each name`)}
}

// variables is where the list is declared, the top of the page where it is not.
func (p *page) variables(list string) place {
	for _, e := range p.elements {
		if e.name == "pl-external-grader-variables" && e.attributes["params-name"] == list {
			return e.at
		}
	}
	return top()
}

// reads are the attributes of self.st and the like in the methods of Test: names with the first place of each.
func (q *question) reads(of string) map[string]position {
	_, c := q.testClass()
	found := map[string]position{}
	for _, f := range c.Methods {
		for _, r := range f.Reads {
			name, isOf := strings.CutPrefix(r.Name, f.Self+"."+of+".")
			if f.Self == "" || !isOf || strings.HasPrefix(name, "_") {
				continue
			}
			name, _, _ = strings.Cut(name, ".")
			if before, seen := found[name]; !seen || r.Line < before.Line {
				found[name] = r.position
			}
		}
	}
	return found
}

func namesUndeclared(q *question) []Finding {
	m, c := q.testClass()
	if c == nil || q.html == nil || q.computedNames("names_from_user") {
		return nil
	}
	declared, _ := q.html.declared("names_from_user")
	if len(declared) == 0 {
		return nil
	}
	var found []Finding
	for name, p := range q.reads("st") {
		if _, known := declared[name]; known || slices.Contains([]string{"count", "index"}, name) { // every tuple has these
			continue
		}
		found = append(found, m.finding(p, fmt.Sprintf("self.st.%s is not there: names_from_user in question.html has %s", name, strings.Join(slices.Sorted(maps.Keys(declared)), ", ")),
			fmt.Sprintf(`add <pl-variable name="%s"> there`, name)))
	}
	return found
}

func namesReference(q *question) []Finding {
	m, c := q.testClass()
	answer, setup := q.modules.file(q.path("tests/ans.py")), q.modules.file(q.path("tests/setup_code.py"))
	if c == nil || answer == nil || setup == nil || answer.Unknown || setup.Unknown {
		return nil
	}
	known := slices.Concat(answer.Names, setup.Names, []string{"data", "test_iter_num", "repeated_setup", "count", "index"})
	var found []Finding
	for name, p := range q.reads("ref") {
		if !slices.Contains(known, name) {
			found = append(found, m.finding(p, fmt.Sprintf("self.ref.%s is not there: ans.py does not define it", name), "define it in ans.py"))
		}
	}
	return found
}

func namesSetup(q *question) []Finding {
	setup := q.modules.file(q.path("tests/setup_code.py"))
	if !q.python || q.html == nil || setup == nil || setup.Unknown {
		return nil
	}
	declared, _ := q.html.declared("names_for_user")
	var found []Finding
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		if !slices.Contains(setup.Names, name) {
			found = append(found, at(q.html.file, declared[name], fmt.Sprintf("setup_code.py does not define %s, so students do not get it", name), "define it there, or remove it here"))
		}
	}
	return found
}

func pythonNotRead(q *question) []Finding {
	if !q.python || q.unparsed == nil || !exists(q.fsys, q.path("tests/test.py")) {
		return nil
	}
	return []Finding{at(q.path("tests/test.py"), top(), "the Python files were not looked at: "+q.unparsed.Error(), "install Python 3.8 or later, or name one with --python")}
}
