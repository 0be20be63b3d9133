// Package ansi makes text of untrusted programs fit to be shown: what could steer a terminal becomes visible or goes, and of the escape
// sequences only colours and weights stay.
package ansi

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// maxStyle is how many sequences may hold at once. Programs use one or two; without a bound a line of each would repeat in all others.
const maxStyle = 16

// Plain is the text without colours. Control characters other than line ends and tabs become visible, and with them all other escape
// sequences.
func Plain(text string) string {
	return visible(sgr().ReplaceAllString(text, ""))
}

// Coloured is the text with its colours. Each line begins with the colours that hold there and ends without any, so that lines can be
// indented, and nothing of it colours what is written after it. Blinking and hidden text is shown as usual. Everything else is as in
// [Plain].
func Coloured(text string) string {
	return coloured(text, func(colour []string) []string { return colour })
}

// Indexed is as [Coloured], with no other colours than the 256 that have numbers: any other becomes the nearest of them.
func Indexed(text string) string { return coloured(text, nearest) }

func coloured(text string, colours keep) string {
	var style []string
	lines := strings.Split(text, "\n")
	sequences := sgr()
	for i, line := range lines {
		lines[i], style = colouredLine(line, sequences.FindAllStringIndex(line, -1), style, colours)
	}
	return strings.Join(lines, "\n")
}

// keep returns the fields that stand for a colour of 256 or of any.
type keep func(colour []string) []string

// colouredLine returns the line, whose sequences stand at these places, and the style at its end.
func colouredLine(line string, sequences [][]int, style []string, colours keep) (shown string, after []string) {
	var out strings.Builder
	out.WriteString(strings.Join(style, ""))
	wrote := len(style) > 0
	rest := line
	for _, at := range sequences {
		out.WriteString(visible(line[len(line)-len(rest) : at[0]]))
		rest = line[at[1]:]
		codes := allowed(line[at[0]+len("\x1b["):at[1]-len("m")], colours)
		switch {
		case codes == "":
			continue
		case codes == "0":
			style = nil
		case len(style) < maxStyle:
			style = append(slices.Clip(style), "\x1b["+codes+"m")
		}
		out.WriteString("\x1b[" + codes + "m")
		wrote = true
	}
	out.WriteString(visible(rest))
	if wrote {
		out.WriteString("\x1b[0m")
	}
	return out.String(), style
}

// sgr finds "select graphic rendition", the escape sequence of colours and weights.
func sgr() *regexp.Regexp { return regexp.MustCompile(`\x1b\[[0-9;:]*m`) }

// allowed keeps the codes that do no harm. The code 0 ends all that came before it.
func allowed(codes string, colours keep) string {
	var kept []string
	fields := strings.FieldsFunc(codes+";", func(r rune) bool { return r == ';' || r == ':' })
	if len(fields) == 0 {
		return "0"
	}
	for i := 0; i < len(fields); i++ {
		code, err := strconv.Atoi(fields[i])
		switch {
		case err != nil:
		case code == 0:
			kept = []string{"0"}
		case code == 38 || code == 48:
			length := extended(fields[i:])
			if length > 0 {
				kept = append(kept, colours(fields[i:i+length])...)
				i += length - 1
			}
		case harmless(code):
			kept = append(kept, strconv.Itoa(code))
		}
	}
	return strings.Join(kept, ";")
}

// harmless are the codes of weights and of the colours that every terminal has, those that end them among them.
func harmless(code int) bool {
	weight := slices.Contains([]int{1, 2, 3, 4, 7, 9, 21, 22, 23, 24, 27, 29, 39, 49}, code)
	return weight || code >= 30 && code <= 37 || code >= 40 && code <= 47 || code >= 90 && code <= 97 || code >= 100 && code <= 107
}

// extended is how many fields a colour of 256 (38;5;N) or of any (38;2;R;G;B) takes, 0 if it is neither.
func extended(fields []string) int {
	length := 0
	if len(fields) > 1 {
		length = map[string]int{"5": 3, "2": 5}[fields[1]]
	}
	if length == 0 || len(fields) < length {
		return 0
	}
	for _, field := range fields[2:length] {
		if value, err := strconv.Atoi(field); err != nil || value > 255 {
			return 0
		}
	}
	return length
}

// visible shows control characters by their pictures, and drops carriage returns.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return -1
		case r < ' ':
			return '\u2400' + r // the picture of the control character
		case r == 0x7f || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.C, r) && r <= 0x9f:
			return '\uFFFD'
		default:
			return r
		}
	}, text)
}
