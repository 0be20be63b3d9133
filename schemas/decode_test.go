package schemas_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/schemas"
)

func ExampleDecode() {
	_, err := schemas.Decode([]byte("{\"score\": 1,\n \"points\": NaN}"))
	fmt.Println(err)
	document, _ := schemas.Decode([]byte(`{"score": 0.25, "score": 1}`))
	fmt.Println(document.Value, document.Warnings)
	// Output:
	// line 2, column 12: NaN and Infinity are not JSON; a number must be finite
	// map[score:1] [the key "score" stands more than once in the document; the last one counts]
}

func TestDecode(t *testing.T) {
	for _, test := range []struct {
		name, data string
		want       any
		warning    string // in the first warning; "" is no warning
	}{
		{"object", ` {"a": [1, -0.5e1, true, null, "x"]} `, map[string]any{"a": []any{1.0, -5.0, true, nil, "x"}}, ""},
		{"scalar", `"x"`, "x", ""},
		{"case", `{"score":0.25,"SCORE":1,"Score":2}`, map[string]any{"score": 0.25, "SCORE": 1.0, "Score": 2.0}, ""},
		{"duplicate", `{"a":{"b":1,"b":2}}`, map[string]any{"a": map[string]any{"b": 2.0}}, `the key "b" stands more than once in /a`},
		{"escaped duplicate", `{"score":0,"\u0073core":1}`, map[string]any{"score": 1.0}, `"score" stands more than once`},
		{"NUL escape", `{"a\u0000":"b\u0000c"}`, map[string]any{`a\u0000`: `b\u0000c`}, "U+0000"},
		{"NUL escape makes duplicate", `{"a\u0000":1,"a\\u0000":2}`, map[string]any{`a\u0000`: 2.0}, "U+0000"},
		{"lone surrogate", `["\ud800", "\udc00x", "\ud83d\ude00"]`, []any{"\ufffd", "\ufffdx", "😀"}, ""},
		{"invalid UTF-8", "{\"\xff\":\"a\xc3\"}", map[string]any{"\ufffd": "a\ufffd"}, "not valid UTF-8"},
		{"edge", `1.0000000000000002`, 1.0000000000000002, ""},
		{"underflow", `1e-9999999`, 0.0, ""},
		{"largest", `1.7976931348623157e308`, 1.7976931348623157e308, ""},
		{"prototype", `{"__proto__":{"score":1}}`, map[string]any{"__proto__": map[string]any{"score": 1.0}}, ""},
		{"brackets in text", `"` + strings.Repeat("[", 5000) + `\"[["`, strings.Repeat("[", 5000) + `"[[`, ""},
		{"empty containers", `[{},[]]`, []any{map[string]any{}, []any{}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			document, err := schemas.Decode([]byte(test.data))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, document.Value); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
			warnings := strings.Join(document.Warnings, "\n")
			if (warnings == "") != (test.warning == "") || !strings.Contains(warnings, test.warning) {
				t.Errorf("warnings %q, want %q", warnings, test.warning)
			}
		})
	}
}

func TestDecodeMalformed(t *testing.T) {
	for _, test := range []struct {
		name, data string
		want       string // in the error
	}{
		{"empty", "", "line 1, column 1: the file is empty"},
		{"blank", " \n\t", "line 1, column 1: the file is empty"},
		{"truncated", `{"score": 1`, "line 1, column 11: the document ends in the middle"},
		{"truncated text", "{\n\"score", "ends in the middle"},
		{"second document", `{"score":1}{"score":0}`, "line 1, column 12: there is more after the end"},
		{"trailing text", "{\"score\":1}\nok", "line 2, column 1: there is more after the end"},
		{"NaN", `{"score":NaN}`, "line 1, column 10: NaN and Infinity are not JSON"},
		{"Infinity", `{"score":Infinity}`, "NaN and Infinity"},
		{"negative Infinity", `{"score":-Infinity}`, "NaN and Infinity"},
		{"too large", `{"a":"é","score":1e999}`, "line 1, column 18: the number 1e999 is too large"},
		{"enormous exponent", `1e99999999999999999999`, "is too large"},
		{"many enormous exponents", "[" + strings.Repeat("1e9999999,", 90_000) + "1]", "line 1, column 2: the number 1e9999999 is too large"},
		{"a megabyte of digits", strings.Repeat("7", 1<<20), "is too large"},
		{"BOM", "\xef\xbb\xbf{}", "byte order mark"},
		{"UTF-16", "\xff\xfe{\x00}\x00", "UTF-16"},
		{"UTF-16 without BOM", "{\x00}\x00", "line 1, column 2: there is a NUL byte"},
		{"raw NUL", "{\"a\":\"\x00\"}", "line 1, column 7: there is a NUL byte"},
		{"Python", `{'score': None}`, "double quotes"},
		{"Python constants", `{"score": None}`, "None, True and False are Python"},
		{"trailing comma", `{"score": 1,}`, "not JSON: invalid character '}'"},
		{"comment", "{} // done", "there is more after the end"},
		{"1,001 levels", strings.Repeat("[", 1001) + strings.Repeat("]", 1001), "column 1001: arrays and objects nest deeper than 1000 levels"},
		{"100,000 levels", strings.Repeat(`{"a":`, 100_000), "nest deeper"},
		{"unbalanced", "]]]][", "not JSON"},
		{"raw newline in text", "\"a\nb\"", `not JSON: invalid character '\n'`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := schemas.Decode([]byte(test.data))
			var malformed *schemas.Malformed
			if !errors.As(err, &malformed) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if err != nil && len(err.Error()) > 500 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestDecodeDepthLimit(t *testing.T) {
	data := strings.Repeat("[", schemas.MaxDepth) + strings.Repeat("]", schemas.MaxDepth)
	if _, err := schemas.Decode([]byte(data)); err != nil {
		t.Errorf("%d levels: %v", schemas.MaxDepth, err)
	}
}

func TestDecodeBoundsWarnings(t *testing.T) {
	document, err := schemas.Decode([]byte("{" + strings.Repeat(`"a":0,`, 100_000) + `"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(document.Warnings); got != schemas.MaxShown+1 {
		t.Errorf("%d warnings, want %d", got, schemas.MaxShown+1)
	}
	if got, want := document.Warnings[schemas.MaxShown], "and 99950 more warnings"; got != want {
		t.Errorf("last warning %q, want %q", got, want)
	}
}

func TestDocumentJSON(t *testing.T) {
	document, err := schemas.Decode([]byte("{\"b\": \"<é\u2028>\", \"a\": [1.5, 1e21, -0]}"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := document.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"a":[1.5,1e+21,-0],"b":"<é\u2028>"}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"score":1,"tests":[{"name":"a"}]}`, `[1e999]`, `"\ud800\u0000"`, "\xef\xbb\xbf{}", `{"a":1,"a":2}`, "[[[[", `{"a":NaN}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		document, err := schemas.Decode(data)
		if err != nil {
			if json.Valid(data) && !mayRefuse(data) {
				t.Fatalf("valid JSON is refused: %v", err)
			}
			return
		}
		if !json.Valid(data) {
			t.Fatal("invalid JSON is taken")
		}
		text, err := document.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(text) || bytes.Contains(text, []byte(`\u0000`)) && !bytes.Contains(text, []byte(`\\u0000`)) {
			t.Fatalf("not repaired: %q", text)
		}
		again, err := schemas.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(document.Value, again.Value); diff != "" {
			t.Fatalf("changed when written and read again (-first +second):\n%s", diff)
		}
		_, _ = schemas.ValidateResults(document.Value)
	})
}

// mayRefuse says whether valid JSON has something that Decode promises to refuse: depth, or numbers that may be too large.
func mayRefuse(data []byte) bool {
	return bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) > schemas.MaxDepth || json.Unmarshal(data, new(any)) != nil
}
