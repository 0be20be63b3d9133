package schemas

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Documents are validated piece by piece; the library, given the whole document and the whole schema, must come to the same verdict.
func TestPiecesAgreeWithTheWhole(t *testing.T) {
	nodes, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			keys := propertyNames(t, name)
			rapid.Check(t, func(t *rapid.T) {
				value := document(t, keys, 4)
				whole := nodes[name].schema.Validate(value)
				pieces := validate(name, nodes[name], value, time.Minute)
				if (whole == nil) != (pieces == nil) {
					t.Fatalf("of %v\nthe library says: %v\nthe pieces say: %v", value, whole, pieces)
				}
			})
		})
	}
}

// document draws a value with an object on top that has mostly known keys.
func document(t *rapid.T, keys []string, depth int) any {
	object := make(map[string]any)
	for range rapid.IntRange(0, 8).Draw(t, "size") {
		object[rapid.SampledFrom(keys).Draw(t, "key")] = anything(t, keys, depth-1)
	}
	return object
}

func anything(t *rapid.T, keys []string, depth int) any {
	kind := rapid.IntRange(0, 8).Draw(t, "kind")
	switch {
	case kind < 2 && depth > 0:
		return document(t, keys, depth)
	case kind < 4 && depth > 0:
		items := make([]any, rapid.IntRange(0, 3).Draw(t, "length"))
		for i := range items {
			items[i] = anything(t, keys, depth-1)
		}
		return items
	}
	return rapid.SampledFrom([]any{
		nil, true, false, 0.0, 1.0, -1.0, 0.5, 1.5, 300.0, 1e300, "", "a", "graded", "2026-11-22T15:03:51.285Z", []any{}, map[string]any{},
	}).Draw(t, "scalar")
}

// propertyNames are all keys that the schema knows anywhere.
func propertyNames(t *testing.T, name string) []string {
	t.Helper()
	found := []string{"other"}
	visitProperties(schemaText(t, name), func(key string, _ map[string]any) { found = append(found, key) })
	return found
}

func schemaText(t *testing.T, name string) any {
	t.Helper()
	text, err := Text(name)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func visitProperties(schema any, visit func(key string, property map[string]any)) {
	switch schema := schema.(type) {
	case []any:
		for _, part := range schema {
			visitProperties(part, visit)
		}
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		for key, property := range properties {
			if property, ok := property.(map[string]any); ok {
				visit(key, property)
			}
		}
		for _, part := range schema {
			visitProperties(part, visit)
		}
	}
}

// The schemas are the documentation: each of them and each of its properties has a title and a description.
func TestSchemasReadAsDocumentation(t *testing.T) {
	for _, name := range Names() {
		root, _ := schemaText(t, name).(map[string]any)
		documented(t, name, root, nil)
		properties, _ := root["properties"].(map[string]any)
		definitions, _ := root["$defs"].(map[string]any)
		for key, property := range properties {
			documented(t, name+" "+key, property, definitions)
		}
		if root["$id"] != baseURL+name {
			t.Errorf("%s: $id is %v", name, root["$id"])
		}
	}
}

func documented(t *testing.T, place string, schema any, definitions map[string]any) {
	t.Helper()
	object, _ := schema.(map[string]any)
	if ref, ok := object["$ref"].(string); ok && object["title"] == nil {
		object, _ = definitions[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	for _, key := range []string{"title", "description"} {
		if text, _ := object[key].(string); text == "" {
			t.Errorf("%s has no %s", place, key)
		}
	}
}

// The words for a broken minLength or minItems are "must not be empty", which only 1 deserves.
func TestLowestLengthIsOne(t *testing.T) {
	for _, name := range Names() {
		visitProperties(schemaText(t, name), func(key string, property map[string]any) {
			for _, keyword := range []string{"minLength", "minItems"} {
				if length, given := property[keyword]; given && length != 1.0 {
					t.Errorf("%s: %s of %s is %v", name, keyword, key, length)
				}
			}
		})
	}
}

func TestValidateStopsAtTheTimeLimit(t *testing.T) {
	nodes, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	tests := make([]any, 10*clockEvery)
	for i := range tests {
		tests[i] = map[string]any{"name": "a"}
	}
	err = validate("results.json", nodes[ResultsName], map[string]any{"score": 1.0, "tests": tests}, -time.Second)
	if want := "results.json: the document could not be checked: it takes too long; make it smaller, found an object of 2 keys"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// Values that no decoder makes reach the library's panics.
func TestValidateSurvivesStrangeValues(t *testing.T) {
	for _, value := range []any{
		make(chan int),
		map[string]any{"score": struct{}{}},
		map[string]any{"score": 1.0, "succeeded": make(chan int)},
		map[string]any{"timeout": json.Number("1e99999999")},
	} {
		for _, check := range []func(any) error{
			ValidateOptions, ValidateJobMessage, ValidateReport,
			func(v any) error { _, err := ValidateResults(v); return err },
		} {
			var invalid *Invalid
			if err := check(value); err != nil && !errors.As(err, &invalid) {
				t.Errorf("error %v is no *Invalid", err)
			}
		}
	}
}

func TestRecoverIsAViolation(t *testing.T) {
	c := &check{deadline: time.Now().Add(time.Minute)}
	fault := c.run(&node{schema: nil}, "x") // a node without schema makes any check panic
	if fault == nil || !strings.Contains(fault.Error(), "the schema library failed") {
		t.Errorf("fault %v", fault)
	}
}

func TestCombine(t *testing.T) {
	own := []Violation{{Pointer: "/b/10", Rule: "r"}, {Pointer: "/b/9", Rule: "r"}, {Pointer: "/a", Rule: "r"}}
	many := &Invalid{Total: 100, Violations: make([]Violation, MaxShown)}
	for _, test := range []struct {
		name  string
		err   error
		more  []Violation
		first []string
		total int
	}{
		{"none", nil, nil, nil, 0},
		{"own", nil, own, []string{"/a", "/b/9", "/b/10"}, 3},
		{"both", &Invalid{Total: 1, Violations: []Violation{{Pointer: "/aa"}}}, own, []string{"/a", "/aa", "/b/9", "/b/10"}, 4},
		{"too many", many, own, []string{"", "", ""}, 103},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := Combine("x", test.err, test.more)
			var invalid *Invalid
			if !errors.As(err, &invalid) {
				if test.total != 0 {
					t.Fatalf("error %v", err)
				}
				return
			}
			var got []string
			for _, violation := range invalid.Violations[:len(test.first)] {
				got = append(got, violation.Pointer)
			}
			if diff := cmp.Diff(test.first, got); diff != "" || invalid.Total != test.total || len(invalid.Violations) > MaxShown {
				t.Errorf("total %d, pointers (-want +got):\n%s", invalid.Total, diff)
			}
		})
	}
	if broken := errors.New("broken"); !errors.Is(Combine("x", broken, nil), broken) {
		t.Error("an error that is no *Invalid is lost")
	}
}

func TestText(t *testing.T) {
	if _, err := Text("other.schema.json"); err == nil {
		t.Error("a schema that is not there was found")
	}
}

func TestShorten(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"abc", "abc"},
		{"abcd", "abc…"},
		{"äöü", "äöü"},
		{"äöüß", "äöü…"},
		{"\xff\xff\xff\xff", "\xff\xff\xff…"},
		{strings.Repeat("x", 100), "xxx…"},
	} {
		if got := shorten(test.text, 3); got != test.want {
			t.Errorf("shorten(%q) = %q, want %q", test.text, got, test.want)
		}
	}
}

func TestPointer(t *testing.T) {
	for _, test := range []struct {
		keys []string
		want string
	}{
		{nil, ""},
		{[]string{"a/b", "~"}, "/a~1b/~0"},
		{[]string{"\x1b[31m\""}, `/\x1b[31m\"`},
		{[]string{strings.Repeat("k", 200)}, "/" + strings.Repeat("k", 80) + "…"},
		{make([]string, 100), strings.Repeat("/", maxSegments+1) + "…"},
	} {
		if got := Pointer(test.keys...); got != test.want {
			t.Errorf("Pointer(%q) = %s, want %s", test.keys, got, test.want)
		}
	}
}
