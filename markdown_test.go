package slashgrade_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// document is a Markdown file, as far as the tests here read one.
type document struct {
	name  string // below the root
	lines []string
}

func readDocument(t *testing.T, name string) *document {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return &document{name: name, lines: strings.Split(string(text), "\n")}
}

// documents are those that the project writes for readers.
func documents(t *testing.T) []*document {
	t.Helper()
	var list []*document
	for _, name := range tracked(t) {
		if strings.HasSuffix(name, ".md") {
			list = append(list, readDocument(t, name))
		}
	}
	if len(list) < 6 {
		t.Fatalf("only %d documents were found", len(list))
	}
	return list
}

// pages are the documents whose examples are tried: what lies at the root and in docs.
func pages(t *testing.T) []*document {
	t.Helper()
	return slices.DeleteFunc(documents(t), func(d *document) bool {
		folder := path.Dir(d.name)
		return folder != "." && folder != "docs"
	})
}

const fence = "```"

// block is a fenced block. info is what stands behind the fence: a language, and words that mean something here.
type block struct {
	line int
	info []string
	text string
}

func (d *document) blocks() []block {
	var list []block
	var open *block
	for i, line := range d.lines {
		info, isFence := strings.CutPrefix(line, fence)
		switch {
		case isFence && open == nil:
			open = &block{line: i + 1, info: strings.Fields(info)}
		case isFence:
			list, open = append(list, *open), nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	return list
}

// prose is the lines outside of fenced blocks, by number from 1.
func (d *document) prose() map[int]string {
	lines := map[int]string{}
	inBlock := false
	for i, line := range d.lines {
		if strings.HasPrefix(line, fence) {
			inBlock = !inBlock
			continue
		}
		if !inBlock {
			lines[i+1] = line
		}
	}
	return lines
}

// rows are those of all tables whose header begins with the words, without header and rule.
func (d *document) rows(t *testing.T, header ...string) [][]string {
	t.Helper()
	var rows [][]string
	inside := false
	for _, line := range d.lines {
		cells := cellsOf(line)
		switch {
		case cells == nil:
			inside = false
		case !inside:
			inside = len(cells) >= len(header) && strings.Join(cells[:len(header)], "|") == strings.Join(header, "|")
		case strings.Trim(cells[0], "-: ") == "":
		default:
			rows = append(rows, cells)
		}
	}
	if len(rows) == 0 {
		t.Fatalf("%s has no table with the header %q", d.name, header)
	}
	return rows
}

func cellsOf(line string) []string {
	line, isRow := strings.CutPrefix(strings.TrimSpace(line), "|")
	if !isRow {
		return nil
	}
	line = strings.ReplaceAll(strings.TrimSuffix(line, "|"), `\|`, "\x00")
	cells := strings.Split(line, "|")
	for i, cell := range cells {
		cells[i] = strings.TrimSpace(strings.ReplaceAll(cell, "\x00", "|"))
	}
	return cells
}

// codes are the code spans of a text.
func codes(text string) []string {
	var list []string
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			list = append(list, part)
		}
	}
	return list
}

// code is a cell's first code span.
func code(t *testing.T, cell string) string {
	t.Helper()
	list := codes(cell)
	if len(list) == 0 {
		t.Fatalf("the cell %q holds no code", cell)
	}
	return list[0]
}

// firstCodes are the first code spans of a table's first column.
func firstCodes(t *testing.T, rows [][]string) []string {
	t.Helper()
	var list []string
	for _, row := range rows {
		list = append(list, code(t, row[0]))
	}
	return list
}

// anchors are what a link into the document can name, as GitHub makes them of headings.
func (d *document) anchors() map[string]bool {
	anchors := map[string]bool{}
	for _, line := range d.prose() {
		text, isHeading := strings.CutPrefix(line, "#")
		if !isHeading {
			continue
		}
		anchors[slug(strings.TrimSpace(strings.TrimLeft(text, "#")))] = true
	}
	return anchors
}

func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		default:
			return -1
		}
	}, heading)
}

var linkTarget = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// links are the targets of the document's links by line.
func (d *document) links() map[int][]string {
	links := map[int][]string{}
	for number, line := range d.prose() {
		for _, found := range linkTarget.FindAllStringSubmatch(line, -1) {
			links[number] = append(links[number], found[1])
		}
	}
	return links
}
