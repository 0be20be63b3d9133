package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/slashgrade/slashgrade/schemas"
)

// document is a JSON file with the place of every value in it.
type document struct {
	file      string
	size      int64
	value     any
	malformed *schemas.Malformed // why it is no JSON; nil if it is
	warnings  []string           // what the decoder mended
	places    map[string]spot    // by JSON pointer, as package schemas writes it
	twice     []repeated
}

// spot is where a value begins, and its key where it has one.
type spot struct {
	key, value place
}

// repeated is a key that stands more than once in one object.
type repeated struct {
	name string
	at   place
}

// readDocument decodes the file. An error is that it cannot be read; that it is no JSON stands in the document.
func readDocument(fsys fs.FS, name string, limit int64) (*document, error) {
	data, size, err := readFile(fsys, name, limit)
	if err != nil {
		return nil, err
	}
	d := &document{file: name, size: size, places: map[string]spot{}}
	decoded, err := schemas.Decode(data)
	if err != nil {
		if !errors.As(err, &d.malformed) {
			return nil, err
		}
		return d, nil
	}
	d.value, d.warnings = decoded.Value, decoded.Warnings
	d.locate(data)
	return d, nil
}

// locator walks the tokens of a document that is known to be JSON.
type locator struct {
	*document
	data   []byte
	tokens *json.Decoder
	lines  *lineIndex
}

func (d *document) locate(data []byte) {
	tokens := json.NewDecoder(bytes.NewReader(data))
	tokens.UseNumber()
	l := &locator{document: d, data: data, tokens: tokens, lines: newLineIndex(data)}
	l.value(nil, place{})
}

// next is where the next token begins.
func (l *locator) next() place {
	offset := int(l.tokens.InputOffset())
	for offset < len(l.data) && strings.IndexByte(" \t\r\n:,", l.data[offset]) >= 0 {
		offset++
	}
	return l.lines.place(offset)
}

// value records where the value at the keys begins, and goes through its parts. Depth is bounded by the decoder before it.
func (l *locator) value(keys []string, key place) {
	begin := l.next()
	l.places[schemas.Pointer(keys...)] = spot{key: key, value: begin}
	token, err := l.tokens.Token()
	if err != nil {
		return
	}
	switch token {
	case json.Delim('{'):
		l.object(keys)
	case json.Delim('['):
		for i := 0; l.tokens.More(); i++ {
			l.value(append(keys, strconv.Itoa(i)), place{})
		}
		_, _ = l.tokens.Token()
	}
}

func (l *locator) object(keys []string) {
	seen := map[string]bool{}
	for l.tokens.More() {
		begin := l.next()
		token, err := l.tokens.Token()
		name, isText := token.(string)
		if err != nil || !isText {
			return
		}
		if seen[name] {
			l.twice = append(l.twice, repeated{name, begin})
		}
		seen[name] = true
		l.places[schemas.Pointer(append(keys, name)...)] = spot{key: begin}
		l.value(append(keys, name), begin)
	}
	_, _ = l.tokens.Token()
}

// valueAt is where the value at the pointer stands; for one that is not there, where its parent begins.
func (d *document) valueAt(pointer string) place {
	for {
		if found, there := d.places[pointer]; there {
			return found.value
		}
		cut := strings.LastIndexByte(pointer, '/')
		if cut < 0 {
			return top()
		}
		pointer = pointer[:cut]
	}
}

// keyAt is where the key of the value at the pointer stands.
func (d *document) keyAt(pointer string) place {
	if found, there := d.places[pointer]; there && found.key.line > 0 {
		return found.key
	}
	return d.valueAt(pointer)
}

// object is the document's value, nil if it is no object.
func (d *document) object() map[string]any {
	object, _ := d.value.(map[string]any)
	return object
}

// finding is a finding in this document.
func (d *document) finding(p place, message, advice string) Finding {
	return at(d.file, p, message, advice)
}

// pointed takes the JSON pointer off the front of a sentence such as "/tests/0/points is missing".
var pointed = regexp.MustCompile(`^(/\S*) `)

// sentencePlace is the place of the pointer with which a sentence begins, the whole file if it begins with none.
func (d *document) sentencePlace(sentence string) place {
	if found := pointed.FindStringSubmatch(sentence); found != nil {
		return d.valueAt(found[1])
	}
	return top()
}

// lineIndex finds line and column of an offset.
type lineIndex struct {
	data   []byte
	starts []int
}

func newLineIndex(data []byte) *lineIndex {
	starts := []int{0}
	for i, c := range data {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return &lineIndex{data, starts}
}

func (x *lineIndex) place(offset int) place {
	low, high := 0, len(x.starts)
	for high-low > 1 {
		if middle := (low + high) / 2; x.starts[middle] <= offset {
			low = middle
		} else {
			high = middle
		}
	}
	return place{low + 1, 1 + utf8.RuneCount(x.data[x.starts[low]:min(offset, len(x.data))])}
}
