package schemas

import (
	"embed"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// The names of the schema files for [Text].
const (
	OptionsName    = "externalGradingOptions.schema.json" // a question's externalGradingOptions
	JobMessageName = "jobMessage.schema.json"             // a message on the jobs queue
	ResultsName    = "results.schema.json"                // a grader's results.json
	ReportName     = "report.schema.json"                 // what came of a job
)

// baseURL is the schemas' $id without the name. Nothing is ever fetched from there.
const baseURL = "https://github.com/slashgrade/slashgrade/blob/main/schemas/"

//go:embed *.schema.json
var files embed.FS

// Text returns the schema with that name as it is written.
func Text(name string) ([]byte, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read schema %s: %w", name, err)
	}
	return text, nil
}

// Names lists the schemas.
func Names() []string {
	return []string{OptionsName, JobMessageName, ResultsName, ReportName}
}

// compiled holds the schemas, taken apart. They are constants of the program; compiling them takes some milliseconds, once.
var compiled = sync.OnceValues(compile)

func compile() (map[string]*node, error) {
	compiler := jsonschema.NewCompiler()
	compiler.ExtractAnnotations = true // the words of conditional rules are descriptions
	compiler.LoadURL = func(url string) (io.ReadCloser, error) {
		return nil, fmt.Errorf("schema %s is not part of the program", url)
	}
	for _, name := range Names() {
		if err := addResource(compiler, name); err != nil {
			return nil, err
		}
	}
	nodes := make(map[string]*node)
	parts := make(taker)
	for _, name := range slices.Sorted(slices.Values(Names())) {
		schema, err := compiler.Compile(baseURL + name)
		if err != nil {
			return nil, fmt.Errorf("compile schema %s: %w", name, err)
		}
		nodes[name] = parts.node(schema)
	}
	return nodes, nil
}

func addResource(compiler *jsonschema.Compiler, name string) error {
	file, err := files.Open(name)
	if err != nil {
		return fmt.Errorf("open schema %s: %w", name, err)
	}
	defer file.Close() //nolint:errcheck // an embedded file cannot fail to close
	if err := compiler.AddResource(baseURL+name, file); err != nil {
		return fmt.Errorf("read schema %s: %w", name, err)
	}
	return nil
}
