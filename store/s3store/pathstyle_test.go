package s3store

import "testing"

func TestPathOnly(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"":                                       false,
		"http://127.0.0.1:4566":                  true,
		"http://[::1]:4566":                      true,
		"http://localhost:4566":                  true,
		"http://minio:9000":                      true,
		"https://s3.eu-central-1.amazonaws.com":  false,
		"http://s3.localhost.localstack.cloud":   false,
		"https://s3.example.edu/with/a/path":     false,
		"not a URL at all: \x00":                 false,
		"https://10.0.0.7/behind/a/proxy?really": true,
	} {
		if got := pathOnly(endpoint); got != want {
			t.Errorf("%q: got %v, want %v", endpoint, got, want)
		}
	}
}
