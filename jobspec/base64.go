package jobspec

import (
	"encoding/base64"
	"unicode/utf16"
)

// lenientBase64 decodes as Node's Buffer.from(text, "base64") does, which platforms and their elements rely on: both alphabets, with
// or without padding, everything else skipped, the end at the first "=". Node looks at the low byte of each UTF-16 unit only, and so
// does this.
func lenientBase64(text string) []byte {
	digits := make([]byte, 0, len(text))
	for _, c := range lowBytes(text) {
		if c == '=' {
			break
		}
		if digit, ok := standardDigit(c); ok {
			digits = append(digits, digit)
		}
	}
	if len(digits)%4 == 1 { // too few bits for a byte
		digits = digits[:len(digits)-1]
	}
	decoded := make([]byte, base64.RawStdEncoding.DecodedLen(len(digits)))
	n, _ := base64.RawStdEncoding.Decode(decoded, digits) // it has nothing left to refuse
	return decoded[:n]
}

// lowBytes are the low bytes of the text's UTF-16 units.
func lowBytes(text string) []byte {
	units := make([]byte, 0, len(text))
	for _, unit := range utf16.Encode([]rune(text)) {
		units = append(units, byte(unit&0xFF))
	}
	return units
}

// standardDigit is the character in the standard alphabet, false for one that is no digit in either.
func standardDigit(c byte) (digit byte, ok bool) {
	switch {
	case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '+', c == '/':
		return c, true
	case c == '-':
		return '+', true
	case c == '_':
		return '/', true
	}
	return 0, false
}
