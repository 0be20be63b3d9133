package lint

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path"
	"slices"
	"strings"
	"time"
)

// Limits of what is parsed.
const (
	// MaxPythonBytes is the longest Python file that is parsed. Real ones have some KiB.
	MaxPythonBytes = 1 << 20
	// maxPythonFiles is how many files of one course are parsed; a course of 200 questions has about a thousand.
	maxPythonFiles = 5000
	// pythonLimit ends a parser that hangs. A thousand files take some seconds.
	pythonLimit = 2 * time.Minute
)

// factsScript parses files with Python's own parser: only that one knows what is Python, and it grows every year.
//
//go:embed facts.py
var factsScript string

// module is what a Python file declares. Fault is why it is no Python, "" if it is.
type module struct {
	file  string
	lines *lineIndex

	Name   string `json:"name"`
	Fault  string `json:"fault"`
	Line   int    `json:"line"`
	Column int    `json:"column"`

	Classes   []class    `json:"classes"`
	Functions []function `json:"functions"`
	Imports   []imported `json:"imports"`
	// Names are all that may be bound at the top level; Unknown says that there may be others.
	Names   []string `json:"names"`
	Unknown bool     `json:"unknown"`
	// Generated says that methods or classes may be made while the module runs.
	Generated bool `json:"generated"`
}

type position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

type class struct {
	position

	Name       string           `json:"name"`
	Bases      []string         `json:"bases"`
	Decorators []decorator      `json:"decorators"`
	Values     map[string]value `json:"values"`
	Methods    []function       `json:"methods"`
	// Plain says that the body has nothing but methods and assignments.
	Plain bool `json:"plain"`
}

type function struct {
	position

	Name       string      `json:"name"`
	Self       string      `json:"self"`
	Decorators []decorator `json:"decorators"`
	Calls      []call      `json:"calls"`
	Reads      []read      `json:"reads"`
}

type decorator struct {
	position

	Name      string  `json:"name"`
	Called    bool    `json:"called"`
	Arguments []value `json:"arguments"`
}

type call struct {
	position

	Name      string  `json:"name"`
	Arguments []value `json:"arguments"`
}

type read struct {
	position

	Name string `json:"name"`
}

type imported struct {
	position

	Module string `json:"module"`
	Name   string `json:"name"`
	As     string `json:"as"`
}

// value is a literal; Known is false for everything that would have to be computed.
type value struct {
	position

	Known bool `json:"known"`
	Value any  `json:"value"`
}

// Python parses files by an interpreter's own parser.
type Python struct {
	// Command runs a Python of version 3.8 or later that takes -c; nil looks for python3 and python.
	Command []string
}

// errNoPython is that no interpreter is there.
var errNoPython = errors.New("there is no python3 here")

// command is the interpreter's command line.
func (p *Python) command() ([]string, error) {
	if len(p.Command) > 0 {
		return p.Command, nil
	}
	for _, name := range []string{"python3", "python"} {
		if found, err := exec.LookPath(name); err == nil {
			return []string{found}, nil
		}
	}
	return nil, errNoPython
}

// parse returns the facts of the files of the course, by name. The version is the interpreter's.
func (p *Python) parse(ctx context.Context, fsys fs.FS, names []string) (found map[string]*module, version string, err error) {
	input, sources := encodeSources(fsys, names)
	if len(sources) == 0 {
		return map[string]*module{}, "", nil
	}
	command, err := p.command()
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, pythonLimit)
	defer cancel()
	// -I: nothing of the course or of the user's environment can take the place of a module of the standard library.
	run := exec.CommandContext(ctx, command[0], append(command[1:], "-I", "-c", factsScript)...) //nolint:gosec // the user names the interpreter
	var stderr bytes.Buffer
	run.Stdin, run.Stderr = bytes.NewReader(input), &stderr
	run.WaitDelay = time.Second
	output, err := run.Output()
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w: %s", command[0], err, lastLine(stderr.String()))
	}
	return decodeFacts(output, sources)
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// encodeSources is the parser's input, and the files by name. What cannot be read is left to other rules.
func encodeSources(fsys fs.FS, names []string) (input []byte, sources map[string][]byte) {
	sources = map[string][]byte{}
	for _, name := range names {
		data, _, err := readFile(fsys, name, MaxPythonBytes)
		if err != nil || len(sources) >= maxPythonFiles {
			continue
		}
		sources[name] = data
		line, err := json.Marshal(map[string]string{"name": name, "source": base64.StdEncoding.EncodeToString(data)})
		if err != nil {
			continue
		}
		input = append(append(input, line...), '\n')
	}
	return input, sources
}

func decodeFacts(output []byte, sources map[string][]byte) (found map[string]*module, version string, err error) {
	decoder := json.NewDecoder(bytes.NewReader(output))
	var interpreter struct {
		Version string `json:"version"`
	}
	if err := decoder.Decode(&interpreter); err != nil {
		return nil, "", fmt.Errorf("read what the Python parser printed: %w", err)
	}
	found = map[string]*module{}
	for range sources {
		m := &module{}
		if err := decoder.Decode(m); err != nil {
			return nil, "", fmt.Errorf("read what the Python parser printed: %w", err)
		}
		m.file, m.lines = m.Name, newLineIndex(sources[m.Name])
		found[m.Name] = m
	}
	return found, interpreter.Version, nil
}

// modules are the Python files of a course.
type modules struct {
	byFile  map[string]*module
	version string
}

// file is the module in a file of the course, nil if there is none or it is no Python.
func (m *modules) file(name string) *module {
	if m == nil {
		return nil
	}
	if found := m.byFile[name]; found != nil && found.Fault == "" {
		return found
	}
	return nil
}

// module is a module that a file of the question imports: from tests first, as they lie in the working directory, then from what the
// job gets of the course.
func (q *question) module(name string) *module {
	below := strings.ReplaceAll(name, ".", "/")
	for _, file := range []string{below + ".py", below + "/__init__.py"} {
		if found := q.modules.file(q.path(path.Join("tests", file))); found != nil {
			return found
		}
		if found := q.modules.file(path.Join("serverFilesCourse", file)); found != nil && q.lists(file) {
			return found
		}
	}
	return nil
}

// class is the last class of that name, as Python would have it.
func (m *module) class(name string) *class {
	for i := range slices.Backward(m.Classes) {
		if m.Classes[i].Name == name {
			return &m.Classes[i]
		}
	}
	return nil
}

func (m *module) function(name string) *function {
	for i := range slices.Backward(m.Functions) {
		if m.Functions[i].Name == name {
			return &m.Functions[i]
		}
	}
	return nil
}

func (m *module) imported(as string) *imported {
	for i := range m.Imports {
		if m.Imports[i].As == as {
			return &m.Imports[i]
		}
	}
	return nil
}
