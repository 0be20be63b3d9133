package schemas

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Invalid is every rule that a document breaks.
type Invalid struct { //nolint:errname // see Malformed
	// Document says what kind of document it is, for example "results.json".
	Document string
	// Violations are at most MaxShown, ordered by place and then by rule, array items by number and keys by name.
	Violations []Violation
	// Total is how many there are.
	Total int
}

// Error is all of Violations in one line: "results.json: /score must be at most 1, found 1.5; …".
func (e *Invalid) Error() string {
	texts := make([]string, len(e.Violations))
	for i, v := range e.Violations {
		texts[i] = v.String()
	}
	text := e.Document + ": " + strings.Join(texts, "; ")
	if more := e.Total - len(e.Violations); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// String is the violation as a sentence without its full stop: "/score must be at most 1, found 1.5".
func (v Violation) String() string {
	at := v.Pointer
	if at == "" {
		at = "the document"
	}
	if v.Found == "" {
		return at + " " + v.Rule
	}
	return at + " " + v.Rule + ", found " + v.Found
}

// findings are the violations met so far: the first MaxShown in order, whatever the order in which they are met, and the number of all.
type findings struct {
	kept  []finding
	bound pointer // what lies behind it is only counted; nil until there are MaxShown
	total int
}

type finding struct {
	at        pointer
	violation Violation
}

// add keeps the violation if it may be among the first. value is what was found; absent is a key that is not there.
func (f *findings) add(at pointer, rule string, value any) {
	f.total++
	if len(f.kept) >= 4*MaxShown {
		f.trim()
		f.bound = f.kept[MaxShown-1].at
	}
	if f.bound != nil && at.compare(f.bound) > 0 {
		return
	}
	f.kept = append(f.kept, finding{
		at:        slices.Clone(at),
		violation: Violation{Pointer: at.String(), Rule: rule, Found: found(value)},
	})
}

func (f *findings) trim() {
	slices.SortStableFunc(f.kept, finding.compare)
	f.kept = f.kept[:min(len(f.kept), MaxShown)]
}

func (a finding) compare(b finding) int {
	if order := a.at.compare(b.at); order != 0 {
		return order
	}
	return strings.Compare(a.violation.Rule, b.violation.Rule)
}

// invalid is the findings as an error, nil if there are none.
func (f *findings) invalid(document string) error {
	if f.total == 0 {
		return nil
	}
	f.trim()
	shown := make([]Violation, len(f.kept))
	for i, finding := range f.kept {
		shown[i] = finding.violation
	}
	return &Invalid{Document: document, Violations: shown, Total: f.total}
}

// absent stands for the value of a key that is not there.
type absent struct{}

func found(value any) string {
	if _, nothing := value.(absent); nothing {
		return "nothing"
	}
	return describe(value)
}

// Combine makes one error of what a Validate function found (nil or an [*Invalid]) and of violations of rules that no schema can
// express, in the order of Invalid. It returns nil if there are none of either.
func Combine(document string, err error, more []Violation) error {
	all := &Invalid{Document: document, Total: len(more), Violations: slices.Clone(more)}
	var invalid *Invalid
	switch {
	case errors.As(err, &invalid):
		all.Total += invalid.Total
		all.Violations = append(all.Violations, invalid.Violations...)
	case err != nil:
		return err
	case len(more) == 0:
		return nil
	}
	slices.SortStableFunc(all.Violations, func(a, b Violation) int {
		return cmp.Or(comparePointers(a.Pointer, b.Pointer), strings.Compare(a.Rule, b.Rule))
	})
	all.Violations = all.Violations[:min(len(all.Violations), MaxShown)]
	return all
}

// comparePointers orders JSON pointers step by step, numbers as numbers.
func comparePointers(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "/"), strings.Split(b, "/"), func(a, b string) int {
		m, errA := strconv.Atoi(a)
		n, errB := strconv.Atoi(b)
		if errA == nil && errB == nil {
			return cmp.Compare(m, n)
		}
		return strings.Compare(a, b)
	})
}

// Pointer is the JSON pointer to a key below keys, shortened and made printable as in every Violation.
func Pointer(keys ...string) string {
	at := make(pointer, len(keys))
	for i, key := range keys {
		at[i] = segment{name: key}
	}
	return at.String()
}

// Describe says what a decoded value is in at most about 80 printable characters, as in every Violation: text in quotes, numbers as
// they are, arrays and objects by their size.
func Describe(value any) string { return describe(value) }
