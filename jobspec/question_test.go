package jobspec_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/jobspec"
)

func ExampleParseQuestion() {
	course := fstest.MapFS{"questions/sum/info.json": {Data: []byte(`{"title": "Sums", "gradingMethod": "Internal"}`)}}
	_, err := jobspec.ParseQuestion(course, "questions/sum")
	fmt.Println(err)
	// Output:
	// question questions/sum: info.json: "gradingMethod" is not "External" (found "Internal"): no container grades this question
}

const externalInfo = `{"title":"T","gradingMethod":"External","externalGradingOptions":{"image":"a"}}`

func TestParseQuestion(t *testing.T) {
	course := fstest.MapFS{
		"q/info.json": {Data: []byte(externalInfo)},
		"q/question.html": {Data: []byte(`<p>Write f & g<br> {{params.x}} &nbsp; {{{x}}}</p>
			<pl-external-grader-variables params-name="names_for_user"><pl-variable name="n" type="int"/></pl-external-grader-variables>
			<pl-external-grader-variables params-name="names_from_user">
				<pl-variable name="f" type="function"> a <b>function</b> </pl-variable><pl-variable name="x" type="float"></pl-variable>
			</pl-external-grader-variables>
			<pl-external-grader-variables params-name="none" empty="true"></pl-external-grader-variables>
			<pl-external-grader-variables params-name="from_server"></pl-external-grader-variables>
			<pl-variable name="outside" type="int"></pl-variable>`)},
	}
	got, err := jobspec.ParseQuestion(course, "./q/")
	if err != nil {
		t.Fatal(err)
	}
	want := &jobspec.Question{
		Dir: "q", Title: "T",
		Options: &jobspec.Options{Image: "a", Timeout: jobspec.DefaultTimeout, Environment: map[string]*string{}},
		Params: map[string]any{
			"names_for_user": []any{map[string]any{"name": "n", "type": "int", "description": ""}},
			"names_from_user": []any{
				map[string]any{"name": "f", "type": "function", "description": "a function"},
				map[string]any{"name": "x", "type": "float", "description": ""},
			},
			"none": []any{},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("question (-want +got):\n%s", diff)
	}
}

func TestParseQuestionWarnings(t *testing.T) {
	for _, test := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"none", map[string]string{"q/info.json": externalInfo}, nil},
		{"server.py", map[string]string{"q/info.json": externalInfo, "q/question.html": "", "q/server.py": ""}, []string{"server.py is not run here"}},
		{"HTML that cannot be read", map[string]string{"q/info.json": externalInfo, "q/question.html": "<p>a < b"}, []string{"the parameters in question.html could not be read"}},
		{
			"options and duplicates",
			map[string]string{"q/info.json": `{"title":"a","title":"b","gradingMethod":"External","externalGradingOptions":{"image":"a","enabled":true}}`},
			[]string{`the key "title" stands more than once`, `"enabled" is not used any more`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			q, err := jobspec.ParseQuestion(courseFS(t, write(t, test.files)), "q")
			if err != nil {
				t.Fatal(err)
			}
			if len(q.Warnings) != len(test.want) {
				t.Fatalf("warnings %q, want %q", q.Warnings, test.want)
			}
			for i, want := range test.want {
				if !strings.Contains(q.Warnings[i], want) {
					t.Errorf("warning %q, want %q", q.Warnings[i], want)
				}
			}
		})
	}
}

func TestParseQuestionRefuses(t *testing.T) {
	for _, test := range []struct{ name, info, want string }{
		{"no JSON", "{", "info.json: line 1, column 1: the document ends in the middle"},
		{"no object", "[]", "info.json must be an object"},
		{"no method", `{}`, `"gradingMethod" is not "External" (found null)`},
		{"no options", `{"gradingMethod":"External"}`, `"externalGradingOptions" is required when "gradingMethod" is "External"`},
		{"options null", `{"gradingMethod":"External","externalGradingOptions":null}`, "externalGradingOptions: the document must be an object, found null"},
		{"bad options", `{"gradingMethod":"External","externalGradingOptions":{"image":"a","timeout":0}}`, "/timeout must be at least 1"},
		{"huge", strings.Repeat(" ", 1<<20) + "{}", "q/info.json has more than 1048576 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := jobspec.ParseQuestion(fstest.MapFS{"q/info.json": {Data: []byte(test.info)}}, "q")
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "question q: ") {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
	if _, err := jobspec.ParseQuestion(fstest.MapFS{}, "q"); err == nil || !strings.Contains(err.Error(), "open q/info.json: ") {
		t.Errorf("no question: error %v", err)
	}
	if _, err := jobspec.ParseQuestion(courseFS(t, write(t, map[string]string{"q/info.json@": "/etc/passwd"})), "q"); err == nil {
		t.Error("info.json was read through a link out of the course")
	}
}
