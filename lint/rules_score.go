package lint

import (
	"fmt"
	"slices"
	"strings"
)

// scoreRules are about what tests do with scores and with Feedback.
func scoreRules() []Rule {
	return []Rule{
		{Name: "score-never-set", Severity: Warning, Finds: "a test that never sets a score", question: scoreNeverSet},
		{Name: "score-range", Severity: Warning, Finds: "a score outside of 0 to 1", question: scoreRange},
		{Name: "feedback-unknown", Severity: Error, Finds: "a method that `Feedback` does not have", question: feedbackUnknown},
		{Name: "plot-base", Severity: Error, Finds: "`self.plt` in a class without plots", question: plotBase},
		{Name: "iterations-value", Severity: Error, Finds: "`total_iters` that is no whole number above 0", question: iterationsValue},
	}
}

func scoreNeverSet(q *question) []Finding {
	m, tests := q.ownTests()
	if m == nil || q.opaque() {
		return nil
	}
	var found []Finding
	for _, f := range tests {
		s := &scoring{q: q, seen: map[*function]bool{}}
		if !f.foreign() && !s.sets(m, f) {
			found = append(found, m.finding(f.position, fmt.Sprintf("%s never calls Feedback.set_score, so it gives 0 points to everybody, also when it passes", f.Name),
				"end it with Feedback.set_score(1), or a share of it"))
		}
	}
	return found
}

// scoring follows calls in search of a score.
type scoring struct {
	q    *question
	seen map[*function]bool
}

// sets says whether a function may set a score: itself, by what it calls, or by what cannot be seen.
func (s *scoring) sets(m *module, f *function) bool {
	if s.seen[f] {
		return false
	}
	s.seen[f] = true
	return slices.ContainsFunc(f.Calls, func(c call) bool { return s.callSets(m, f, c.Name) })
}

func (s *scoring) callSets(m *module, f *function, name string) bool {
	if strings.HasSuffix(name, "set_score") || strings.HasSuffix(name, ".optional_test_plot_labels") {
		return true
	}
	first, rest, dotted := strings.Cut(name, ".")
	if first == f.Self && dotted {
		return s.methodSets(rest)
	}
	if called := m.function(first); called != nil && !dotted {
		return s.sets(m, called)
	}
	if i := m.imported(first); i != nil {
		return s.importSets(i, rest)
	}
	return false
}

func (s *scoring) methodSets(name string) bool {
	for _, h := range s.q.lineage() {
		for i := range h.class.Methods {
			if method := &h.class.Methods[i]; method.Name == name {
				return s.sets(h.module, method)
			}
		}
	}
	return false
}

// importSets looks into a module of the course. Modules of the grader and of the image set no score by themselves.
func (s *scoring) importSets(i *imported, rest string) bool {
	m := s.q.module(i.Module)
	if m == nil {
		return false
	}
	name := i.Name
	if name == "" {
		name = rest
	}
	called := m.function(name)
	return called == nil || s.sets(m, called)
}

func scoreRange(q *question) []Finding {
	m, c := q.testClass()
	if c == nil {
		return nil
	}
	var found []Finding
	for _, f := range c.Methods {
		for _, called := range f.Calls {
			if !strings.HasSuffix(called.Name, "Feedback.set_score") && called.Name != "Feedback.set_score" || len(called.Arguments) == 0 {
				continue
			}
			score, isNumber := called.Arguments[0].Value.(float64)
			if isNumber && (score < 0 || score > 1) {
				found = append(found, m.finding(called.position, fmt.Sprintf("a score of %g is cut to the range from 0 to 1: it is a share of the test's points", score),
					"write a number from 0 to 1, and the points into @points"))
			}
		}
	}
	return found
}

// feedbackMethods are what the Python grader's class Feedback has; images/python-grader keeps them.
func feedbackMethods() []string {
	return []string{
		"add_feedback", "add_iteration_prefix", "call_user", "check_dataframe", "check_dict", "check_list", "check_numpy_array_allclose",
		"check_numpy_array_features", "check_numpy_array_sanity", "check_plot", "check_scalar", "check_tuple", "clear_iteration_prefix",
		"finish", "finish_test", "not_allowed", "set_main_output", "set_name", "set_score", "set_test",
	}
}

func feedbackUnknown(q *question) []Finding {
	m, c := q.testClass()
	if c == nil {
		return nil
	}
	i := m.imported("Feedback")
	if i == nil || i.Module != "code_feedback" || m.class("Feedback") != nil {
		return nil
	}
	var found []Finding
	for _, f := range c.Methods {
		for _, called := range f.Calls {
			name, isFeedback := strings.CutPrefix(called.Name, "Feedback.")
			if !isFeedback || strings.Contains(name, ".") || slices.Contains(feedbackMethods(), name) {
				continue
			}
			found = append(found, m.finding(called.position, fmt.Sprintf("Feedback has no %s, so the test ends with an error and gives 0 points", name), nearest(name, feedbackMethods())))
		}
	}
	return found
}

// nearest proposes the known name that was meant.
func nearest(name string, known []string) string {
	best := slices.MinFunc(known, func(a, b string) int { return distance(name, a) - distance(name, b) })
	if distance(name, best) <= 4 {
		return "did you mean " + best + "?"
	}
	return "see the methods in images/python-grader/README.md"
}

func plotBase(q *question) []Finding {
	m, c := q.testClass()
	if c == nil || q.opaque() || slices.Contains(q.ends(), "PLTestCaseWithPlot") {
		return nil
	}
	for _, h := range q.lineage() {
		if include, given := h.class.Values["include_plt"]; given && (!include.Known || include.Value == true) {
			return nil
		}
	}
	for _, f := range c.Methods {
		for _, r := range f.Reads {
			if f.Self != "" && r.Name == f.Self+".plt" {
				return []Finding{m.finding(r.position, "self.plt is not there: the class looks at no plots", "derive Test from PLTestCaseWithPlot, or set include_plt = True")}
			}
		}
	}
	return nil
}

func iterationsValue(q *question) []Finding {
	m, c := q.testClass()
	if c == nil {
		return nil
	}
	total, given := c.Values["total_iters"]
	number, isNumber := total.Value.(float64)
	if !given || !total.Known || isNumber && number >= 1 && number == float64(int(number)) {
		return nil
	}
	return []Finding{m.finding(total.position, "total_iters says how often the tests run: with anything but a whole number above 0 nothing is graded", "write 1 or more")}
}
