package lint

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
)

// WriteJSON writes the report as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// WriteGitHub writes the findings as workflow commands, which GitHub shows beside the lines of a change.
func (r *Report) WriteGitHub(w io.Writer) error {
	level := map[Severity]string{Error: "error", Warning: "warning", Note: "notice"}
	for i := range r.Findings {
		f := &r.Findings[i]
		_, err := fmt.Fprintf(w, "::%s file=%s,line=%d,col=%d,title=%s::%s\n", level[f.Severity], escapeProperty(filepath.ToSlash(f.File)), f.Line, f.Column,
			escapeProperty(f.Rule), escapeData(f.Message+". "+f.Advice))
		if err != nil {
			return err
		}
	}
	return nil
}

// escapeData and escapeProperty keep a file's name from beginning another workflow command.
func escapeData(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

func escapeProperty(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(escapeData(text))
}

// uriPath is a path as a relative or absolute URI reference.
func uriPath(name string) string {
	return (&url.URL{Path: name}).String()
}
