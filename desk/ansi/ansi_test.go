package ansi_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/slashgrade/slashgrade/desk/ansi"
)

const esc = "\x1b["

func TestTexts(t *testing.T) {
	for _, c := range []struct{ name, text, plain, coloured string }{
		{"plain", "a\tb\nc", "a\tb\nc", "a\tb\nc"},
		{"carriage return", "a\r\nb", "a\nb", "a\nb"},
		{"red word", "a " + esc + "31mred" + esc + "0m b", "a red b", "a " + esc + "31mred" + esc + "0m b" + esc + "0m"},
		{"left open", esc + "1;32mok\nnext", "ok\nnext", esc + "1;32mok" + esc + "0m\n" + esc + "1;32mnext" + esc + "0m"},
		{"empty ends", esc + "31ma" + esc + "m", "a", esc + "31ma" + esc + "0m" + esc + "0m"},
		{"256 and any colour", esc + "38;5;200;48;2;1;2;3mx", "x", esc + "38;5;200;48;2;1;2;3mx" + esc + "0m"},
		{"no such colour", esc + "38;5;999mx", "x", "x"},
		{"hidden and blinking", esc + "8;5mx", "x", "x"},
		{"clear and title", esc + "2J\x1b]0;owned\x07x", "␛[2J␛]0;owned␇x", "␛[2J␛]0;owned␇x"},
		{"backspace", "good\b\b\b\bbad", "good␈␈␈␈bad", "good␈␈␈␈bad"},
		{"C1 control", "\u009b2J", "\uFFFD2J", "\uFFFD2J"},
		{"right to left", "a\u202eb", "a\uFFFDb", "a\uFFFDb"},
	} {
		if got := ansi.Plain(c.text); got != c.plain {
			t.Errorf("%s: plain is %q, want %q", c.name, got, c.plain)
		}
		if got := ansi.Coloured(c.text); got != c.coloured {
			t.Errorf("%s: coloured is %q, want %q", c.name, got, c.coloured)
		}
	}
}

// Whatever comes in, the plain text holds no control character but line ends and tabs, the coloured one only colours besides, and both
// say the same.
func TestNothingSteers(t *testing.T) {
	piece := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"\x1b", "[", "31", ";", "m", "0", "8", "38;5;1", "48;2;300;0;0", "\n", "\a", "\x9b", "]0;", "J", ":",
	}))
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(piece).Draw(t, "pieces"), "")
		plain, coloured := ansi.Plain(text), ansi.Coloured(text)
		if strings.ContainsFunc(plain, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r <= 0x9f }) {
			t.Fatalf("%q becomes %q", text, plain)
		}
		if got := ansi.Plain(coloured); got != plain {
			t.Fatalf("%q: coloured says %q, plain %q", text, got, plain)
		}
		for line := range strings.SplitSeq(coloured, "\n") {
			if strings.Contains(line, "\x1b") && !strings.HasSuffix(line, esc+"0m") {
				t.Fatalf("%q leaves colours open: %q", text, line)
			}
		}
		if again := ansi.Coloured(coloured); ansi.Plain(again) != plain {
			t.Fatalf("%q does not stay: %q", coloured, again)
		}
	})
}
