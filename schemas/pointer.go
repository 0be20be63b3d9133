package schemas

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxFound is how many characters of what was found are shown: a line of a terminal.
	maxFound = 80
	// maxSegment is how many characters of a key are shown in a pointer.
	maxSegment = 80
	// maxSegments is how many steps of a pointer are shown; no schema looks deeper.
	maxSegments = 16
)

// segment is one step into a document: a key of an object or an item of an array.
type segment struct {
	name  string
	index int
	item  bool
}

// pointer is a place in a document.
type pointer []segment

// String is the JSON pointer (RFC 6901). Long keys are shortened and unprintable characters escaped: keys come from strangers.
func (p pointer) String() string {
	var out strings.Builder
	for i, s := range p {
		out.WriteByte('/')
		if i == maxSegments {
			out.WriteString("…")
			break
		}
		if s.item {
			out.WriteString(strconv.Itoa(s.index))
			continue
		}
		name := strings.ReplaceAll(strings.ReplaceAll(s.name, "~", "~0"), "/", "~1")
		out.WriteString(printable(shorten(name, maxSegment)))
	}
	return out.String()
}

// place is a pointer in a sentence. It is text only once it is printed: most warnings are only counted.
type place pointer

// String implements [fmt.Stringer].
func (p place) String() string {
	if len(p) == 0 {
		return "the document"
	}
	return pointer(p).String()
}

// quoted is text in double quotes, made only once it is printed.
type quoted string

// String implements [fmt.Stringer].
func (q quoted) String() string {
	return quote(string(q))
}

func (p pointer) key(name string) pointer {
	return append(slices.Clip(p), segment{name: name})
}

func (p pointer) compare(other pointer) int {
	return slices.CompareFunc(p, other, func(a, b segment) int {
		return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(a.name, b.name))
	})
}

// describe says what a value is, in at most about maxFound characters of one line.
func describe(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(value)
	case float64:
		return strconv.FormatFloat(value, 'g', -1, 64)
	case string:
		return quote(value)
	case []any:
		return "an array of " + count(len(value), "item")
	case map[string]any:
		return "an object of " + count(len(value), "key")
	}
	return "something that is not JSON"
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// quote shortens s and writes it in double quotes with everything unprintable escaped.
func quote(s string) string {
	return strconv.Quote(shorten(s, maxFound))
}

// shorten cuts s after limit characters and says so.
func shorten(s string, limit int) string {
	if utf8.RuneCountInString(s[:min(len(s), limit*utf8.UTFMax+1)]) <= limit {
		return s
	}
	cut := 0
	for range limit {
		_, size := utf8.DecodeRuneInString(s[cut:])
		cut += size
	}
	return s[:cut] + "…"
}

// printable escapes what a terminal or a log would act on.
func printable(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}
