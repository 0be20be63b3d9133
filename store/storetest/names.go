package storetest

import (
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/jobspec"
)

// OddName is a root and a name that a store must take as opaque text.
type OddName struct {
	Label string // names the pair in Harness.Refused and in failures
	Root  string
	Name  string
}

// OddNames are the pairs that the suite puts, all at once, below a base that the suite made up. No two of them are the
// same file, also not where a root and a name are joined by a slash. Each joined path is at most 1,000 bytes of UTF-8:
// S3 takes 1,024.
func OddNames(base string) []OddName {
	const file = jobspec.ResultsName
	return []OddName{
		{"plain", base, file},
		{"upper case", strings.ToUpper(base), file},
		{"upper case name", base, "Results.json"},
		{"deep", base + "/course/question/variant", file},
		{"leading slash", "/" + base, file},
		{"two leading slashes", "//" + base, file},
		{"trailing slash", base + "/", file},
		{"double slash", base + "//x", file},
		{"single slash", base + "/x", file},
		{"parent first", "../" + base, file},
		{"far parent first", "../../../../../../tmp/" + base, file},
		{"parent within", base + "/../" + base + "-other", file},
		{"parent last", base + "/..", file},
		{"dot", base + "/.", file},
		{"dot file", base, ".results.json"},
		{"dots as name", base + "/n", ".."},
		{"dot as name", base + "/n", "."},
		{"three dots as name", base + "/n", "..."},
		{"query", base + "?x=1&y=2", file},
		{"query in name", base, file + "?versionId=null"},
		{"fragment", base + "#top", file},
		{"spaces", " " + base + " two words ", file},
		{"space in name", base, "results json "},
		{"plus", base + "+x", file},
		{"plus as space", base + " x", file},
		{"percent", base + "%2Fx", file},
		{"percent twice", base + "%252Fx", file},
		{"percent parent", base + "/%2e%2e/x", file},
		{"bare percent", base + "%", file},
		{"percent not hex", base + "%zz", file},
		{"backslash", base + `\..\x`, file},
		{"unicode", base + "/käse/試験/🎓", file},
		{"unicode decomposed", base + "/ka\u0308se/試験/🎓", file},
		{"unicode name", base, "ergebnis-é.json"},
		{"quotes and brackets", base + `"'<>{}[]|^` + "`~", file},
		{"tilde", "~/" + base, file},
		{"variable", base + "/$HOME/${x}", file},
		{"wildcard", base + "/*", file},
		{"colon", base + ":C:x", file},
		{"900 bytes", long(base, "a"), file},
		{"900 bytes, other end", long(base, "b"), file},
		{"900 bytes of unicode", long(base, "é"), file},
		{"900 bytes in many parts", long(base+strings.Repeat("/part", 100), "c"), file},
	}
}

// long is base filled to 900 bytes and ended with the tail: two of them differ in nothing but their last bytes.
func long(base, tail string) string {
	return base + "/" + strings.Repeat("é", (900-len(base)-1-len(tail))/2) + tail
}

// testOddNames puts every pair with a content of its own and then reads all: a pair that is another's file shows the
// other's content.
func testOddNames(t *testing.T, f *fixture) {
	var stored []OddName
	for _, odd := range OddNames(f.root) {
		at := jobspec.Location{Bucket: f.Bucket, Root: odd.Root}
		if _, err := f.read(t, at, odd.Name); !isMissing(err) && f.Refused[odd.Label] == "" {
			t.Errorf("%s: open before it was put: got %v, want an error that is store.ErrNotExist", odd.Label, err)
		}
		switch err := f.files.Put(t.Context(), at, odd.Name, strings.NewReader(odd.Label)); {
		case err == nil:
			stored = append(stored, odd)
		case f.Refused[odd.Label] == "":
			t.Errorf("%s: put %q below %q: %v", odd.Label, odd.Name, odd.Root, err)
		}
	}
	for _, odd := range stored {
		got, err := f.read(t, jobspec.Location{Bucket: f.Bucket, Root: odd.Root}, odd.Name)
		if err != nil {
			t.Errorf("%s: read %q below %q: %v", odd.Label, odd.Name, odd.Root, err)
			continue
		}
		sameBytes(t, odd.Label, got, []byte(odd.Label))
	}
	if f.CheckOutside != nil {
		f.CheckOutside(t)
	}
}
