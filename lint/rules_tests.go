package lint

import (
	"fmt"
	"slices"
	"strings"
)

// testRules are about the class Test and its methods.
func testRules() []Rule {
	return []Rule{
		{Name: "test-class", Severity: Error, Finds: "a `test.py` without a class `Test`", question: testClassMissing},
		{Name: "test-class-twice", Severity: Error, Finds: "two classes `Test`", question: testClassTwice},
		{Name: "test-base", Severity: Error, Finds: "a class `Test` that does not derive from `PLTestCase`", question: testBase},
		{Name: "test-none", Severity: Error, Finds: "a class `Test` without tests", question: testNone},
		{Name: "test-twice", Severity: Error, Finds: "two methods of one name", question: testTwice},
		{Name: "test-name", Severity: Error, Finds: "a test whose method's name does not begin with `test_`", question: testName},
		{Name: "test-inherited", Severity: Error, Finds: "tests of a base class, whose points break the score", question: testInherited},
		{Name: "test-skipped", Severity: Error, Finds: "a skipped test, which ends the grading", question: testSkipped},
		{Name: "points-missing", Severity: Error, Finds: "a test without `@points`", question: pointsMissing},
		{Name: "points-value", Severity: Error, Finds: "`@points` without a number above 0", question: pointsValue},
		{Name: "name-missing", Severity: Warning, Finds: "a test without `@name`", question: nameMissing},
		{Name: "name-value", Severity: Error, Finds: "`@name` without a text", question: nameValue},
		{Name: "name-twice", Severity: Warning, Finds: "two tests of one name", question: nameTwice},
	}
}

func testClassMissing(q *question) []Finding {
	m := q.modules.file(q.path("tests/test.py"))
	if !q.python || m == nil || m.class("Test") != nil || slices.Contains(m.Names, "Test") || m.Unknown {
		return nil
	}
	p, advice := position{1, 1}, "write class Test(PLTestCase)"
	for _, c := range m.Classes {
		if slices.ContainsFunc(c.Methods, func(f function) bool { return f.isTest() }) {
			p, advice = c.position, fmt.Sprintf("rename the class %s to Test", c.Name)
		}
	}
	return []Finding{m.finding(p, "there is no class Test, and the grader runs only that one", advice)}
}

func testClassTwice(q *question) []Finding {
	m, c := q.testClass()
	if c == nil {
		return nil
	}
	var found []Finding
	before := false
	for _, other := range m.Classes {
		if other.Name != "Test" {
			continue
		}
		if before {
			found = append(found, m.finding(other.position, "a second class Test replaces the first one, whose tests never run", "give it another name, or move its tests into the first"))
		}
		before = true
	}
	return found
}

func testBase(q *question) []Finding {
	m, c := q.testClass()
	if c == nil || slices.ContainsFunc(q.ends(), func(name string) bool { return slices.Contains(graderBases(), name) }) {
		return nil
	}
	for _, name := range q.ends() {
		if name != "TestCase" && name != "object" {
			return nil // a class of elsewhere, which may be one of the grader's
		}
	}
	return []Finding{m.finding(c.position, "Test does not derive from PLTestCase, so self.st and self.ref are not there", "write class Test(PLTestCase), or PLTestCaseWithPlot for plots")}
}

func testNone(q *question) []Finding {
	m, c := q.testClass()
	if c == nil || q.opaque() {
		return nil
	}
	for _, h := range q.lineage() {
		if slices.ContainsFunc(h.class.Methods, func(f function) bool { return f.isTest() }) {
			return nil
		}
	}
	if len(testName(q)) > 0 {
		return nil
	}
	return []Finding{m.finding(c.position, "the class Test has no method whose name begins with test_, so every submission gets 0", "write a test: @points(1), @name(\"…\"), def test_0(self)")}
}

func testTwice(q *question) []Finding {
	m, c := q.testClass()
	if c == nil {
		return nil
	}
	first := map[string]bool{}
	var found []Finding
	for _, f := range c.Methods {
		if first[f.Name] && len(f.Decorators) == 0 || first[f.Name] && f.isTest() {
			found = append(found, m.finding(f.position, fmt.Sprintf("a second method %s replaces the first one, which never runs", f.Name), "give it another name"))
		}
		first[f.Name] = true
	}
	return found
}

func testName(q *question) []Finding {
	m, c := q.testClass()
	if c == nil {
		return nil
	}
	var found []Finding
	for _, f := range c.Methods {
		marked := f.decorator("points") != nil || f.decorator("name") != nil
		switch {
		case marked && !f.isTest():
			found = append(found, m.finding(f.position, fmt.Sprintf("%s never runs: the name of a test begins with test_", f.Name), "rename it to test_"+strings.TrimLeft(f.Name, "_")))
		case f.isTest() && !strings.HasPrefix(f.Name, "test_"):
			found = append(found, m.finding(f.position, fmt.Sprintf("%s runs, but its points do not count in the total, so the score can rise above 1 and be refused", f.Name),
				"rename it to test_"+strings.TrimLeft(strings.TrimPrefix(f.Name, "test"), "_")))
		}
	}
	return found
}

func testInherited(q *question) []Finding {
	m, c := q.testClass()
	if c == nil {
		return nil
	}
	var names []string
	for _, h := range q.lineage()[1:] {
		for i := range h.class.Methods {
			f := &h.class.Methods[i]
			if f.isTest() && !slices.ContainsFunc(c.Methods, func(own function) bool { return own.Name == f.Name }) {
				names = append(names, f.Name)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []Finding{m.finding(c.position, fmt.Sprintf("inherited tests run, but their points do not count in the total, so the score can rise above 1 and be refused: %s", strings.Join(names, ", ")),
		"define them in Test itself, and let the base class have helpers only")}
}

func testSkipped(q *question) []Finding {
	m, tests := q.ownTests()
	var found []Finding
	for _, f := range tests {
		for _, d := range f.Decorators {
			if last := d.Name[strings.LastIndexByte(d.Name, '.')+1:]; strings.HasPrefix(last, "skip") || last == "expectedFailure" {
				found = append(found, m.finding(d.position, "a skipped test ends the whole grading without points", "remove the test, or put # before it"))
			}
		}
		for _, c := range f.Calls {
			if c.Name == f.Self+".skipTest" {
				found = append(found, m.finding(c.position, "skipTest ends the whole grading without points", "return in its place, or call Feedback.finish_test"))
			}
		}
	}
	return found
}

func pointsMissing(q *question) []Finding {
	m, tests := q.ownTests()
	var found []Finding
	for _, f := range tests {
		if f.decorator("points") == nil && !f.foreign() {
			found = append(found, m.finding(f.position, fmt.Sprintf("%s has no @points: it gives 1 point that the total does not count, so the score can rise above 1 and be refused", f.Name),
				"put @points(1) before it"))
		}
	}
	return found
}

func pointsValue(q *question) []Finding {
	m, tests := q.ownTests()
	var found []Finding
	for _, f := range tests {
		d := f.decorator("points")
		if d == nil || !d.wrong(isPoints) {
			continue
		}
		found = append(found, m.finding(d.position, "@points needs a number above 0: what the test is worth", "write @points(1)"))
	}
	return found
}

// wrong says whether a decorator is not called, or its one argument is a literal of the wrong kind.
func (d *decorator) wrong(right func(any) bool) bool {
	if !d.Called || len(d.Arguments) == 0 {
		return !d.Called // keywords are not looked at
	}
	return d.Arguments[0].Known && !right(d.Arguments[0].Value)
}

func isPoints(v any) bool {
	number, isNumber := v.(float64)
	return isNumber && number > 0
}

func isTitle(v any) bool {
	text, isText := v.(string)
	return isText && strings.TrimSpace(text) != ""
}

func nameMissing(q *question) []Finding {
	m, tests := q.ownTests()
	var found []Finding
	for _, f := range tests {
		if f.decorator("name") == nil && !f.foreign() {
			found = append(found, m.finding(f.position, fmt.Sprintf("%s has no @name: on PrairieLearn its feedback goes to the test before it, and an error in it ends the grading", f.Name),
				`put @name("…") before it, as students shall read it`))
		}
	}
	return found
}

func nameValue(q *question) []Finding {
	m, tests := q.ownTests()
	var found []Finding
	for _, f := range tests {
		if d := f.decorator("name"); d != nil && d.wrong(isTitle) {
			found = append(found, m.finding(d.position, "@name needs a text: what students read", `write @name("…")`))
		}
	}
	return found
}

func nameTwice(q *question) []Finding {
	m, tests := q.ownTests()
	first := map[string]string{}
	var found []Finding
	for _, f := range tests {
		title := f.title()
		if other, twice := first[title]; twice && title != "" && other != f.Name {
			found = append(found, m.finding(f.decorator("name").position, fmt.Sprintf("%s and %s have one name: students see one test, with the feedback of the last only", other, f.Name),
				"give each its own name"))
		}
		first[title] = f.Name
	}
	return found
}
