package jobspec_test

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/schemas"
)

func ExampleParseOptions() {
	options, err := jobspec.ParseOptions([]byte(`{"image": "python:3.13", "entrypoint": "/grade/tests/run.sh -v", "timeout": 900}`))
	fmt.Printf("%q %s %v\n", options.Entrypoint, options.Timeout, err)
	fmt.Println(options.Warnings[0])

	_, err = jobspec.ParseOptions([]byte(`{"image": "Python", "serverFilesCourse": ["lib/", "../questions"], "timeout": 0}`))
	fmt.Println(err)
	// Output:
	// ["/grade/tests/run.sh" "-v"] 10m0s <nil>
	// the timeout of 900 seconds is above the limit and was lowered to 600 seconds
	// externalGradingOptions: /image must be in lower case but for the tag, found "Python"; /serverFilesCourse/1 must not contain "..", found "../questions"; /timeout must be at least 1, found 0
}

func TestParseOptions(t *testing.T) {
	for _, test := range []struct {
		name, options string
		want          jobspec.Options // without Image and Timeout where they are "a" and the default
		warning       string
	}{
		{"least", `{"image":"a"}`, jobspec.Options{}, ""},
		{"comment", `{"image":"a","comment":{"why":["x"]}}`, jobspec.Options{}, ""},
		{"entrypoint text", `{"image":"a","entrypoint":"/grade/run 'a b' c"}`, jobspec.Options{Entrypoint: []string{"/grade/run", "a b", "c"}}, ""},
		{"entrypoint array", `{"image":"a","entrypoint":["/grade/run","a b","it's",""]}`, jobspec.Options{Entrypoint: []string{"/grade/run", "a b", "it's", ""}}, ""},
		{"environment", `{"image":"a","environment":{"A":"b","C":null}}`, jobspec.Options{Environment: map[string]*string{"A": new("b"), "C": nil}}, ""},
		{"course files", `{"image":"a","serverFilesCourse":["b/","./c//d",".","","b"]}`, jobspec.Options{ServerFilesCourse: []string{"b", "c/d", "."}}, ""},
		{"odd course files", `{"image":"a","serverFilesCourse":["..a","*.txt","a\\b"]}`, jobspec.Options{ServerFilesCourse: []string{"..a", "*.txt", `a\b`}}, ""},
		{"timeout", `{"image":"a","timeout":5}`, jobspec.Options{Timeout: 5 * time.Second}, ""},
		{"highest timeout", `{"image":"a","timeout":600}`, jobspec.Options{Timeout: 600 * time.Second}, ""},
		{"too high a timeout", `{"image":"a","timeout":601}`, jobspec.Options{Timeout: 600 * time.Second}, "the timeout of 601 seconds is above the limit"},
		{"networking", `{"image":"a","enableNetworking":true}`, jobspec.Options{EnableNetworking: true}, ""},
		{"enabled", `{"image":"a","enabled":true}`, jobspec.Options{}, `"enabled" is not used any more; remove it`},
		{"not enabled", `{"image":"a","enabled":false}`, jobspec.Options{}, `"enabled": false does not switch grading off`},
		{"duplicate", `{"image":"b","image":"a"}`, jobspec.Options{}, `the key "image" stands more than once`},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := test.want
			want.Image = "a"
			if want.Timeout == 0 {
				want.Timeout = jobspec.DefaultTimeout
			}
			if want.Environment == nil {
				want.Environment = map[string]*string{}
			}
			got, err := jobspec.ParseOptions([]byte(test.options))
			if err != nil {
				t.Fatal(err)
			}
			warnings := strings.Join(got.Warnings, "\n")
			if (warnings == "") != (test.warning == "") || !strings.Contains(warnings, test.warning) {
				t.Errorf("warnings %q, want %q", warnings, test.warning)
			}
			got.Warnings = nil
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseOptionsRefuses(t *testing.T) {
	for _, test := range []struct{ name, options, want string }{
		{"no JSON", `{"image":`, "line 1, column 9: the document ends in the middle"},
		{"no object", `"image"`, "the document must be an object"},
		{"unknown key", `{"image":"a","files":[]}`, "/files is not a known key"},
		{"image as option", `{"image":"--privileged"}`, "/image must be an image's name"},
		{"open quote", `{"image":"a","entrypoint":"/grade/run 'x"}`, "/entrypoint must close its quotes"},
		{"blank entrypoint", `{"image":"a","entrypoint":" "}`, "/entrypoint must name a program"},
		{"empty entrypoint", `{"image":"a","entrypoint":""}`, "/entrypoint must not be empty"},
		{"empty array", `{"image":"a","entrypoint":[]}`, "/entrypoint must not be empty"},
		{"empty program", `{"image":"a","entrypoint":["","x"]}`, "/entrypoint must name a program"},
		{"absolute course file", `{"image":"a","serverFilesCourse":["/etc/passwd"]}`, "/serverFilesCourse/0 must be a name below serverFilesCourse"},
		{"course file that leaves", `{"image":"a","serverFilesCourse":["a","b/../../c"]}`, `/serverFilesCourse/1 must not contain ".."`},
		{"course file that comes back", `{"image":"a","serverFilesCourse":["b/../c"]}`, `/serverFilesCourse/0 must not contain ".."`},
		{"timeout 0", `{"image":"a","timeout":0}`, "/timeout must be at least 1"},
		{"timeout negative", `{"image":"a","timeout":-1}`, "/timeout must be at least 1"},
		{"timeout fraction", `{"image":"a","timeout":1.5}`, "/timeout must be a whole number"},
		{"timeout infinite", `{"image":"a","timeout":1e999}`, "the number 1e999 is too large"},
		{"variable with =", `{"image":"a","environment":{"A=B":"c"}}`, `/environment/A=B must not have "="`},
	} {
		t.Run(test.name, func(t *testing.T) {
			options, err := jobspec.ParseOptions([]byte(test.options))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("options %+v, error %v, want %q", options, err, test.want)
			}
		})
	}
}

func FuzzParseOptions(f *testing.F) {
	f.Add([]byte(`{"image":"a","entrypoint":"/grade/run 'a b'","serverFilesCourse":["a/../b"],"timeout":5,"environment":{"A":null}}`))
	f.Add([]byte(`{"image":"a@sha256:0","entrypoint":["x"],"timeout":1e9,"enabled":false}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		options, err := jobspec.ParseOptions(data)
		var malformed *schemas.Malformed
		var invalid *schemas.Invalid
		switch {
		case errors.As(err, &malformed), errors.As(err, &invalid):
			return
		case err != nil:
			t.Fatalf("error %v is neither *Malformed nor *Invalid", err)
		}
		if options.Image == "" || options.Timeout < time.Second || options.Timeout > jobspec.MaxTimeout {
			t.Fatalf("%+v", options)
		}
		for _, name := range options.ServerFilesCourse {
			if path.IsAbs(name) || path.Join("/a/b", name) != "/a/b" && !strings.HasPrefix(path.Join("/a/b", name), "/a/b/") {
				t.Fatalf("%q leaves the course", name)
			}
		}
	})
}
