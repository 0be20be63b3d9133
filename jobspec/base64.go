package jobspec

import "unicode/utf16"

// lenientBase64 decodes as Node's Buffer.from(text, "base64") does, which platforms and their elements rely on: both alphabets, with
// or without padding, everything else skipped, the end at the first "=". Node looks at the low byte of each UTF-16 unit only, and so
// does this.
func lenientBase64(text string) []byte {
	out := make([]byte, 0, len(text)/4*3+3)
	var group uint32
	digits := 0
	for _, c := range lowBytes(text) {
		if c == '=' {
			break
		}
		value, ok := base64Digit(c)
		if !ok {
			continue
		}
		group, digits = group<<6|uint32(value), digits+1
		if digits == 4 {
			out = append(out, byte(group>>16), byte(group>>8), byte(group))
			group, digits = 0, 0
		}
	}
	switch digits { // a single digit has too few bits for a byte and is dropped
	case 2:
		out = append(out, byte(group>>4))
	case 3:
		out = append(out, byte(group>>10), byte(group>>2))
	}
	return out
}

// lowBytes are the low bytes of the text's UTF-16 units.
func lowBytes(text string) []byte {
	units := make([]byte, 0, len(text))
	for _, r := range text {
		if r <= 0xFFFF {
			units = append(units, byte(r))
			continue
		}
		high, low := utf16.EncodeRune(r)
		units = append(units, byte(high), byte(low))
	}
	return units
}

func base64Digit(c byte) (value byte, ok bool) {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A', true
	case 'a' <= c && c <= 'z':
		return c - 'a' + 26, true
	case '0' <= c && c <= '9':
		return c - '0' + 52, true
	case c == '+' || c == '-':
		return 62, true
	case c == '/' || c == '_':
		return 63, true
	}
	return 0, false
}
