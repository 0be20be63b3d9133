package jobspec

import (
	"encoding/base64"
	"testing"

	"pgregory.net/rapid"
)

// The expected bytes are what Node 20 gives for Buffer.from(text, "base64").
func TestLenientBase64(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"YQ==", "a"},
		{"YQ", "a"},
		{"YWI=", "ab"},
		{"YWJj", "abc"},
		{"YQ==YQ==", "a"},
		{"Y Q = =", "a"},
		{"Y\nW\tJj", "abc"},
		{"YW*Jj", "abc"},
		{"_-8=", "\xff\xef"},
		{"/+8=", "\xff\xef"},
		{"=YWJj", ""},
		{"Y", ""},
		{"YWJjZ", "abc"},
		{"YWJjZA", "abcd"},
		{"YWJj=ZGVm", "abc"},
		{"YW=Jj", "a"},
		{"éYWJj", "abc"},
		{"Y€WJj", "abc"},
		{"ŁYWJj", "\x01\x85\x89"},
		{"YWJjōZGVm", "abc1\x91\x95"},
		{"😀YWJj", ""},
		{"YWJjŁ", "abc"},
		{"ab", "i"},
		{"abc", "i\xb7"},
		{"a-b_", "k\xe6\xff"},
		{"%%%%", ""},
	} {
		if got := string(lenientBase64(test.text)); got != test.want {
			t.Errorf("lenientBase64(%q) = %q, want %q", test.text, got, test.want)
		}
	}
}

func TestLenientBase64ReadsEveryEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			if got := lenientBase64(encoding.EncodeToString(want)); string(got) != string(want) {
				t.Fatalf("got %x, want %x", got, want)
			}
		}
	})
}
