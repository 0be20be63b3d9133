package dirstore

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"github.com/slashgrade/slashgrade/jobspec"
)

// maxElement is the longest element that is kept readable; file systems take 255 bytes.
const maxElement = 200

// folder is the path of the location below the store's folder: always two elements.
func folder(at jobspec.Location) string {
	return path.Join(element(at.Bucket), element(at.Root))
}

// element makes a path element of any text, one to one. Lower-case letters, digits, "-", "_" and "." (not as the first
// byte) stand for themselves and every other byte is percent-encoded: capitals too, since some file systems take A and
// a for one name. The empty text and texts too long for a name get names that no encoding gives, as there a percent
// sign is always followed by two hexadecimal digits.
func element(text string) string {
	if text == "" {
		return "%empty"
	}
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; isPlain(c) && (c != '.' || i > 0) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
		if b.Len() > maxElement {
			sum := sha256.Sum256([]byte(text))
			return "%sha256-" + hex.EncodeToString(sum[:])
		}
	}
	return b.String()
}

func isPlain(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.'
}
