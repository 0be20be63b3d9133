package jobspec

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// The elements with which question.html declares the variables that pass between the grader and the student's code. PrairieLearn
// copies them into data/data.json; the Python grader needs names_from_user.
const (
	variablesElement = "pl-external-grader-variables"
	variableElement  = "pl-variable"
	// maxParamVariables bounds what is kept of one question.html.
	maxParamVariables = 10_000
)

// paramsReader collects declared variables from the tokens of question.html.
type paramsReader struct {
	params   map[string]any
	list     string         // params-name of the element that is open, "" outside of one
	variable map[string]any // the variable that is open, nil outside of one
	text     strings.Builder
	count    int
}

// declaredParams returns for each <pl-external-grader-variables params-name="P"> with <pl-variable name= type=> in it the list P of
// objects {name, type, description}. One without variables refers to a list that server.py computes and adds nothing. HTML that
// cannot be read to its end gives what stood before, and an error.
func declaredParams(html []byte) (map[string]any, error) {
	decoder := xml.NewDecoder(bytes.NewReader(html))
	decoder.Strict = false
	decoder.AutoClose = xml.HTMLAutoClose
	decoder.Entity = xml.HTMLEntity
	reader := paramsReader{params: make(map[string]any)}
	for reader.count < maxParamVariables {
		token, err := decoder.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return reader.params, err
		}
		reader.take(token)
	}
	return reader.params, nil
}

func (r *paramsReader) take(token xml.Token) {
	switch token := token.(type) {
	case xml.StartElement:
		r.start(token)
	case xml.CharData:
		if r.variable != nil {
			r.text.Write(token)
		}
	case xml.EndElement:
		r.end(token.Name.Local)
	}
}

func (r *paramsReader) start(element xml.StartElement) {
	switch element.Name.Local {
	case variablesElement:
		r.list = attribute(element, "params-name")
		if attribute(element, "empty") == "true" && r.list != "" {
			r.params[r.list] = []any{}
		}
	case variableElement:
		if r.list != "" {
			r.variable = map[string]any{"name": attribute(element, "name"), "type": attribute(element, "type")}
			r.text.Reset()
		}
	}
}

func (r *paramsReader) end(name string) {
	switch {
	case name == variablesElement:
		r.list = ""
	case name == variableElement && r.variable != nil:
		r.variable["description"] = strings.TrimSpace(r.text.String())
		list, _ := r.params[r.list].([]any)
		r.params[r.list] = append(list, r.variable)
		r.variable = nil
		r.count++
	}
}

func attribute(element xml.StartElement, name string) string {
	for _, a := range element.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
