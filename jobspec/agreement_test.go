package jobspec

import (
	"encoding/json"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/schemas"
)

// The schemas and the Go types are two descriptions of one format: they must have the same keys.
func TestSchemasAgreeWithTypes(t *testing.T) {
	for _, test := range []struct {
		name   string
		schema string
		path   []string // of the object in the schema
		of     reflect.Type
		unused []string // keys of the schema that the type leaves out
	}{
		{"options", schemas.OptionsName, nil, reflect.TypeFor[Options](), []string{"comment", "enabled"}},
		{"message", schemas.JobMessageName, nil, reflect.TypeFor[message](), nil},
		{"report", schemas.ReportName, nil, reflect.TypeFor[Report](), nil},
		{"image", schemas.ReportName, []string{"properties", "image"}, reflect.TypeFor[ImageRef](), nil},
		{"exit", schemas.ReportName, []string{"properties", "exit"}, reflect.TypeFor[Exit](), nil},
		{"problem", schemas.ReportName, []string{"$defs", "violation"}, reflect.TypeFor[schemas.Violation](), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := append(jsonKeys(test.of), test.unused...)
			slices.Sort(want)
			if diff := cmp.Diff(want, schemaKeys(t, test.schema, test.path)); diff != "" {
				t.Errorf("keys (-type +schema):\n%s", diff)
			}
		})
	}
}

func TestSchemaAgreesWithTimestamps(t *testing.T) {
	var want []string
	for _, s := range new(Timestamps).stamps() {
		want = append(want, s.name)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, schemaKeys(t, schemas.ReportName, []string{"properties", "timestamps"})); diff != "" {
		t.Errorf("stamps (-type +schema):\n%s", diff)
	}
}

// The schema's outcomes are the constants of type Outcome, as they stand in the source.
func TestSchemaAgreesWithOutcomes(t *testing.T) {
	object := schemaObject(t, schemas.ReportName, []string{"properties", "outcome"})
	var listed []string
	for _, value := range object["enum"].([]any) {
		listed = append(listed, value.(string))
	}
	slices.Sort(listed)
	if diff := cmp.Diff(outcomes(t), listed); diff != "" {
		t.Errorf("outcomes (-constants +schema):\n%s", diff)
	}
}

func TestSchemaAgreesWithLimits(t *testing.T) {
	environment := schemaObject(t, schemas.JobMessageName, []string{"properties", "environment"})
	if environment["maxProperties"] != float64(MaxVariables) {
		t.Errorf("maxProperties is %v, MaxVariables %d", environment["maxProperties"], MaxVariables)
	}
	timeout := schemaObject(t, schemas.OptionsName, []string{"properties", "timeout"})
	if timeout["default"] != DefaultTimeout.Seconds() {
		t.Errorf("the default is %v, DefaultTimeout %s", timeout["default"], DefaultTimeout)
	}
	problems := schemaObject(t, schemas.ReportName, []string{"properties", "problems"})
	if problems["maxItems"] != float64(schemas.MaxShown) {
		t.Errorf("maxItems is %v, MaxShown %d", problems["maxItems"], schemas.MaxShown)
	}
}

func jsonKeys(of reflect.Type) []string {
	var keys []string
	for field := range of.Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "-" {
			keys = append(keys, name)
		}
	}
	return keys
}

func schemaKeys(t *testing.T, name string, path []string) []string {
	t.Helper()
	properties := schemaObject(t, name, append(slices.Clone(path), "properties"))
	return slices.Sorted(maps.Keys(properties))
}

func schemaObject(t *testing.T, name string, path []string) map[string]any {
	t.Helper()
	text, err := schemas.Text(name)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	for _, key := range path {
		object, _ = object[key].(map[string]any)
	}
	return object
}

// outcomes reads the constants of type Outcome from report.go, because Go cannot list them.
func outcomes(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "report.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, isValue := n.(*ast.ValueSpec)
		if !isValue {
			return true
		}
		if name, _ := spec.Type.(*ast.Ident); name != nil && name.Name == "Outcome" {
			literal := spec.Values[0].(*ast.BasicLit)
			found = append(found, constant.StringVal(constant.MakeFromLiteral(literal.Value, literal.Kind, 0)))
		}
		return true
	})
	slices.Sort(found)
	return found
}
