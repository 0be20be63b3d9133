package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects of a document may nest. No grader comes near it; PrairieLearn's database and the Python
// that renders results give up at a few thousand levels.
const MaxDepth = 1000

// Document is a decoded JSON document.
type Document struct {
	// Value is made of map[string]any, []any, string, float64, bool and nil. Numbers are finite. Text, keys too, is valid UTF-8
	// without U+0000.
	Value any
	// Warnings are what was mended or is ambiguous, in words for course staff: duplicate keys, text that was not Unicode.
	Warnings []string
}

// JSON is the document as compact JSON: the same values, nothing escaped beyond what JSON demands.
func (d *Document) JSON() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false) // as \u003c each < would take six bytes of a message that is limited
	if err := encoder.Encode(d.Value); err != nil {
		return nil, fmt.Errorf("encode the document: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// Malformed is why bytes are not a JSON document.
type Malformed struct { //nolint:errname // schemas.Malformed and schemas.Invalid say it all
	// Line and Column say where, both from 1; a column is a character, not a byte.
	Line, Column int
	// Reason is for course staff.
	Reason string
}

// Error names the place, then the reason.
func (m *Malformed) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", m.Line, m.Column, m.Reason)
}

// Decode reads one JSON document. The caller bounds the bytes; time and memory grow with them in proportion.
//
// A byte order mark, a raw NUL byte, anything after the document, nesting past [MaxDepth] and numbers that a 64-bit float cannot hold
// are refused. Of duplicate keys the last wins, with a warning. Invalid UTF-8 and lone surrogates become U+FFFD. U+0000, which
// PostgreSQL cannot store, becomes the six characters \u0000, as in PrairieLearn's own host. Keys keep their case. The error is a
// [*Malformed].
func Decode(data []byte) (*Document, error) {
	if malformed := precheck(data); malformed != nil {
		return nil, malformed
	}
	d := decoder{data: data, tokens: json.NewDecoder(bytes.NewReader(data))}
	d.tokens.UseNumber()
	if !utf8.Valid(data) {
		d.warnings.addf("the text is not valid UTF-8: the bytes in question are replaced by U+FFFD")
	}
	value, malformed := d.value()
	if malformed != nil {
		return nil, malformed
	}
	return &Document{Value: value, Warnings: d.warnings.list()}, nil
}

// precheck refuses everything that is not one JSON document, so that the decoder after it meets only bad numbers.
func precheck(data []byte) *Malformed {
	if reason := encodingFault(data); reason != "" {
		return &Malformed{Line: 1, Column: 1, Reason: reason}
	}
	if at := bytes.IndexByte(data, 0); at >= 0 {
		return malformedAt(data, at, "there is a NUL byte; JSON is UTF-8 text without NUL (UTF-16 has many of them)")
	}
	if at := deeperThan(data, MaxDepth); at >= 0 {
		return malformedAt(data, at, fmt.Sprintf("arrays and objects nest deeper than %d levels", MaxDepth))
	}
	if json.Valid(data) {
		return nil
	}
	var raw json.RawMessage
	err := json.Unmarshal(data, &raw)
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return malformedAt(data, 0, "not JSON: "+err.Error())
	}
	at := min(max(int(syntax.Offset)-1, 0), len(data))
	return malformedAt(data, at, syntaxFault(data, at, syntax))
}

func encodingFault(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return "the file begins with a byte order mark; write it as UTF-8 without one (in Python encoding='utf-8', not 'utf-8-sig')"
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return "the file is UTF-16; write it as UTF-8"
	case len(bytes.TrimLeft(data, " \t\r\n")) == 0:
		return "the file is empty"
	}
	return ""
}

// deeperThan returns where the first bracket stands that opens level limit+1, or -1. Brackets in strings do not count.
func deeperThan(data []byte, limit int) int {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '[' || c == '{':
			if depth++; depth > limit {
				return i
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return -1
}

// syntaxFault puts the commonest mistakes in words: what languages other than JavaScript print in place of JSON.
func syntaxFault(data []byte, at int, syntax *json.SyntaxError) string {
	rest := data[at:]
	switch {
	case bytes.HasPrefix(rest, []byte("NaN")), bytes.HasPrefix(rest, []byte("Infinity")):
		return "NaN and Infinity are not JSON; a number must be finite"
	case bytes.HasPrefix(rest, []byte("None")), bytes.HasPrefix(rest, []byte("True")), bytes.HasPrefix(rest, []byte("False")):
		return "None, True and False are Python; JSON has null, true and false (use json.dumps, not str)"
	case bytes.HasPrefix(rest, []byte("'")):
		return "JSON text stands in double quotes, not in single ones"
	case strings.Contains(syntax.Error(), "unexpected end"):
		return "the document ends in the middle; was it cut off while being written?"
	case strings.Contains(syntax.Error(), "after top-level value"):
		return "there is more after the end of the document; a file holds one JSON value"
	}
	return "not JSON: " + syntax.Error()
}

func malformedAt(data []byte, offset int, reason string) *Malformed {
	before := data[:min(offset, len(data))]
	line := 1 + bytes.Count(before, []byte("\n"))
	start := bytes.LastIndexByte(before, '\n') + 1
	return &Malformed{Line: line, Column: 1 + utf8.RuneCount(before[start:]), Reason: reason}
}

// decoder builds the value from tokens. The bytes have passed precheck, so that recursion is bounded by MaxDepth.
type decoder struct {
	data     []byte
	tokens   *json.Decoder
	at       pointer
	warnings notes
}

func (d *decoder) value() (any, *Malformed) {
	token, err := d.tokens.Token()
	if err != nil {
		return nil, malformedAt(d.data, int(d.tokens.InputOffset()), "not JSON: "+err.Error())
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			return d.object()
		}
		return d.array()
	case json.Number:
		return d.number(token.String())
	case string:
		return d.text(token), nil
	default: // bool, nil
		return token, nil
	}
}

func (d *decoder) object() (any, *Malformed) {
	object := make(map[string]any)
	for d.tokens.More() {
		token, err := d.tokens.Token()
		key, isText := token.(string)
		if err != nil || !isText {
			return nil, malformedAt(d.data, int(d.tokens.InputOffset()), "not JSON: a key must be text")
		}
		key = d.text(key)
		if _, twice := object[key]; twice {
			d.warnings.addf("the key %s stands more than once in %s; the last one counts", quoted(key), place(d.at))
		}
		d.at = append(d.at, segment{name: key})
		value, malformed := d.value()
		d.at = d.at[:len(d.at)-1]
		if malformed != nil {
			return nil, malformed
		}
		object[key] = value
	}
	return object, d.closing()
}

func (d *decoder) array() (any, *Malformed) {
	array := []any{}
	for d.tokens.More() {
		d.at = append(d.at, segment{index: len(array), item: true})
		value, malformed := d.value()
		d.at = d.at[:len(d.at)-1]
		if malformed != nil {
			return nil, malformed
		}
		array = append(array, value)
	}
	return array, d.closing()
}

func (d *decoder) closing() *Malformed {
	if _, err := d.tokens.Token(); err != nil {
		return malformedAt(d.data, int(d.tokens.InputOffset()), "not JSON: "+err.Error())
	}
	return nil
}

// number refuses what a 64-bit float cannot hold here, before any schema sees it: the schema library panics on 1e9999999 and takes
// seconds over many large exponents.
func (d *decoder) number(text string) (any, *Malformed) {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(number, 0) || math.IsNaN(number) {
		start := int(d.tokens.InputOffset()) - len(text)
		return nil, malformedAt(d.data, start, fmt.Sprintf("the number %s is too large for a 64-bit float", shorten(text, maxFound)))
	}
	return number, nil
}

func (d *decoder) text(s string) string {
	if !strings.Contains(s, "\x00") {
		return s
	}
	d.warnings.once("nul", `there is U+0000 in the text: it is replaced by the six characters \u0000`)
	return strings.ReplaceAll(s, "\x00", `\u0000`)
}
