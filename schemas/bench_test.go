package schemas_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/schemas"
)

// BenchmarkResults decodes and checks results as a job's are.
func BenchmarkResults(b *testing.B) {
	tests := make([]string, 1000)
	for i := range tests {
		tests[i] = fmt.Sprintf(`{"name":"test %d","points":1,"max_points":2,"message":"expected 1, got 2","output":""}`, i)
	}
	for _, results := range []struct{ name, text string }{
		{"score", `{"score":1}`},
		{"documented", documented},
		{"1000 tests", `{"score":0.5,"tests":[` + strings.Join(tests, ",") + `]}`},
		{"output of 1 MB", `{"score":1,"output":"` + strings.Repeat("x", 1_000_000) + `"}`},
	} {
		b.Run(results.name, func(b *testing.B) {
			b.SetBytes(int64(len(results.text)))
			b.ReportAllocs()
			for b.Loop() {
				document, err := schemas.Decode([]byte(results.text))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := schemas.ValidateResults(document.Value); err != nil {
					b.Fatal(err)
				}
				if _, err := document.JSON(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
