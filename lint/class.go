package lint

import (
	"slices"
	"strings"
)

// heritage is a class with the module that it stands in.
type heritage struct {
	module *module
	class  *class
}

// testClass is the class Test of tests/test.py, nil if there is none that can be read.
func (q *question) testClass() (*module, *class) {
	if !q.python {
		return nil, nil
	}
	m := q.modules.file(q.path("tests/test.py"))
	if m == nil {
		return nil, nil
	}
	return m, m.class("Test")
}

// maxLineage bounds a chain of base classes, which may be a ring.
const maxLineage = 20

// lineage is the class Test and, as far as they are in the course, its base classes.
func (q *question) lineage() []heritage {
	m, c := q.testClass()
	if c == nil {
		return nil
	}
	all := []heritage{{m, c}}
	for i := 0; i < len(all) && len(all) < maxLineage; i++ {
		for _, base := range all[i].class.Bases {
			if found := q.resolve(all[i].module, base); found.class != nil && !slices.Contains(all, found) {
				all = append(all, found)
			}
		}
	}
	return all
}

// resolve finds a class by the name that a module knows it by.
func (q *question) resolve(m *module, name string) heritage {
	if c := m.class(name); c != nil {
		return heritage{m, c}
	}
	first, rest, dotted := strings.Cut(name, ".")
	i := m.imported(first)
	if i == nil {
		return heritage{}
	}
	source, wanted := i.Module, i.Name
	if dotted {
		wanted = rest
	}
	if other := q.module(source); other != nil {
		if c := other.class(wanted); c != nil {
			return heritage{other, c}
		}
	}
	return heritage{}
}

// ends are the base classes of the lineage that are not in the course, by their last names.
func (q *question) ends() []string {
	var found []string
	for _, h := range q.lineage() {
		for _, base := range h.class.Bases {
			if q.resolve(h.module, base).class == nil {
				found = append(found, base[strings.LastIndexByte(base, '.')+1:])
			}
		}
	}
	return found
}

// isTest says whether unittest runs the method.
func (f *function) isTest() bool { return strings.HasPrefix(f.Name, "test") }

// decorator is the method's decorator of that name, with or without its module before it; nil if there is none.
func (f *function) decorator(name string) *decorator {
	for i := range f.Decorators {
		if d := &f.Decorators[i]; d.Name == name || strings.HasSuffix(d.Name, "."+name) {
			return d
		}
	}
	return nil
}

// foreign says whether a method has a decorator that is not the grader's own, which may do anything.
func (f *function) foreign() bool {
	known := []string{"points", "name", "not_repeated", "staticmethod", "classmethod"}
	return slices.ContainsFunc(f.Decorators, func(d decorator) bool {
		return !slices.Contains(known, d.Name[strings.LastIndexByte(d.Name, '.')+1:])
	})
}

// ownTests are the methods of the class Test itself that unittest runs.
func (q *question) ownTests() (*module, []*function) {
	m, c := q.testClass()
	if c == nil {
		return nil, nil
	}
	var found []*function
	for i := range c.Methods {
		if c.Methods[i].isTest() {
			found = append(found, &c.Methods[i])
		}
	}
	return m, found
}

// opaque says whether methods may come from where they cannot be seen: made by code, a decorator of the class, a base class elsewhere.
func (q *question) opaque() bool {
	for _, h := range q.lineage() {
		if h.module.Generated || !h.class.Plain || len(h.class.Decorators) > 0 {
			return true
		}
	}
	return slices.ContainsFunc(q.ends(), func(name string) bool { return !slices.Contains(graderBases(), name) && name != "object" })
}

// graderBases are the classes that a class Test derives from.
func graderBases() []string { return []string{"PLTestCase", "PLTestCaseWithPlot"} }

// title is the display name that a test's decorator gives, "" if it is not known.
func (f *function) title() string {
	d := f.decorator("name")
	if d == nil || len(d.Arguments) == 0 {
		return ""
	}
	text, _ := d.Arguments[0].Value.(string)
	return text
}
