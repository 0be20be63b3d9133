package lint

import (
	"bytes"
	"io/fs"
	"strings"

	"golang.org/x/net/html"

	"github.com/slashgrade/slashgrade/jobspec"
)

// page is question.html as a list of its elements.
type page struct {
	file     string
	elements []element
}

// element is a start tag with its attributes.
type element struct {
	name       string
	attributes map[string]string
	at         place
}

// maxElements bounds one page; real ones have some dozens.
const maxElements = 20_000

func readPage(fsys fs.FS, name string) *page {
	data, _, err := readFile(fsys, name, jobspec.MaxInfoBytes)
	if err != nil {
		return nil
	}
	p := &page{file: name}
	lines, offset := newLineIndex(data), 0
	tokens := html.NewTokenizer(bytes.NewReader(data))
	for len(p.elements) < maxElements {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			break
		}
		begin := lines.place(offset)
		offset += len(tokens.Raw())
		if kind == html.StartTagToken || kind == html.SelfClosingTagToken {
			p.elements = append(p.elements, newElement(tokens.Token(), begin))
		}
	}
	return p
}

func newElement(token html.Token, begin place) element {
	attributes := make(map[string]string, len(token.Attr))
	for _, a := range token.Attr {
		attributes[a.Key] = a.Val
	}
	return element{token.Data, attributes, begin}
}

// find returns the first element of that name, nil if there is none.
func (p *page) find(name string) *element {
	for i := range p.elements {
		if p.elements[i].name == name {
			return &p.elements[i]
		}
	}
	return nil
}

// declared are the names of the variables that the page declares for a list such as names_from_user. computed says that such a list
// has no variables here: then server.py makes it.
func (p *page) declared(list string) (names map[string]place, computed bool) {
	names = map[string]place{}
	inside := false
	for _, e := range p.elements {
		switch {
		case e.name == "pl-external-grader-variables":
			inside = e.attributes["params-name"] == list
			computed = computed || inside
		case inside && e.name == "pl-variable":
			names[e.attributes["name"]] = e.at
		}
	}
	return names, computed && len(names) == 0
}

// files are the names of the files that students hand in by way of this page, and the first element that says so.
func (p *page) files() (names []string, first *element) {
	for i := range p.elements {
		e := &p.elements[i]
		for _, key := range []string{"file-name", "file-names"} {
			value, given := e.attributes[key]
			if !given || !takesFiles(e.name) {
				continue
			}
			if first == nil {
				first = e
			}
			for name := range strings.SplitSeq(value, ",") {
				names = append(names, strings.TrimSpace(name))
			}
		}
	}
	return names, first
}

func takesFiles(name string) bool {
	switch name {
	case "pl-file-editor", "pl-file-upload", "pl-image-capture", "pl-rich-text-editor":
		return true
	}
	return false
}
