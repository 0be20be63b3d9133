package jobspec

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slashgrade/slashgrade/schemas"
)

// Options are a question's externalGradingOptions; schemas/externalGradingOptions.schema.json explains them.
type Options struct {
	// Image is the container image, a tag or a digest.
	Image string `json:"image"`
	// Entrypoint is the command line; nil is the image's own ENTRYPOINT and CMD.
	Entrypoint []string `json:"entrypoint"`
	// ServerFilesCourse are files and folders below the course's folder of that name, clean and relative; "." is all of it.
	ServerFilesCourse []string `json:"serverFilesCourse"`
	// Timeout is DefaultTimeout if none is given, and at most MaxTimeout.
	Timeout time.Duration `json:"timeout"`
	// EnableNetworking gives the container a network.
	EnableNetworking bool `json:"enableNetworking"`
	// Environment is set over the image's; nil removes the variable.
	Environment map[string]*string `json:"environment"`
	// Warnings are what the course's staff should mend, though the question can be graded.
	Warnings []string `json:"-"`
}

// ParseOptions reads the externalGradingOptions object of a question's info.json. All that is wrong is in the error at once: a
// [*schemas.Malformed] or a [*schemas.Invalid].
func ParseOptions(data []byte) (*Options, error) {
	document, err := schemas.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("read externalGradingOptions: %w", err)
	}
	options, err := readOptions(document.Value)
	if err != nil {
		return nil, err
	}
	options.Warnings = append(document.Warnings, options.Warnings...)
	return options, nil
}

func readOptions(value any) (*Options, error) {
	object, _ := value.(map[string]any)
	o := &Options{Timeout: DefaultTimeout}
	violations := o.read(object)
	if err := schemas.Combine("externalGradingOptions", schemas.ValidateOptions(value), violations); err != nil {
		return nil, err
	}
	return o, nil
}

// read takes what has the right type and returns the violations of rules that the schema does not know.
func (o *Options) read(object map[string]any) []schemas.Violation {
	var violations []schemas.Violation
	if image, isText := object["image"].(string); isText && image != "" {
		o.Image = image
		violations = appendBroken(violations, "/image", imageRule(image), image)
	}
	violations = append(violations, o.readEntrypoint(object["entrypoint"])...)
	violations = append(violations, o.readServerFiles(object["serverFilesCourse"])...)
	if seconds, isNumber := object["timeout"].(float64); isNumber && seconds > 0 {
		o.readTimeout(seconds)
	}
	o.EnableNetworking, _ = object["enableNetworking"].(bool)
	environment, more := readEnvironment(object["environment"])
	o.Environment = environment
	if enabled, given := object["enabled"]; given {
		o.Warnings = append(o.Warnings, enabledWarning(enabled))
	}
	return append(violations, more...)
}

func appendBroken(violations []schemas.Violation, pointer, rule string, found any) []schemas.Violation {
	if rule == "" {
		return violations
	}
	return append(violations, schemas.Violation{Pointer: pointer, Rule: rule, Found: schemas.Describe(found)})
}

func (o *Options) readEntrypoint(value any) []schemas.Violation {
	rule := ""
	switch value := value.(type) {
	case string:
		if value != "" { // the schema tells of the empty one
			o.Entrypoint, rule = splitEntrypoint(value)
		}
	case []any:
		for _, item := range value {
			word, _ := item.(string)
			o.Entrypoint = append(o.Entrypoint, word)
		}
		if len(value) > 0 && value[0] == "" {
			rule = ruleProgram
		}
	}
	return appendBroken(nil, "/entrypoint", rule, value)
}

func (o *Options) readServerFiles(value any) []schemas.Violation {
	var violations []schemas.Violation
	items, _ := value.([]any)
	for i, item := range items {
		name, isText := item.(string)
		if !isText {
			continue
		}
		clean := path.Clean(name)
		violations = appendBroken(violations, "/serverFilesCourse/"+strconv.Itoa(i), courseFileRule(name), name)
		if !slices.Contains(o.ServerFilesCourse, clean) {
			o.ServerFilesCourse = append(o.ServerFilesCourse, clean)
		}
	}
	return violations
}

// courseFileRule keeps a job inside serverFilesCourse. PrairieLearn lets "../" through, and with it the files of other questions.
func courseFileRule(name string) string {
	switch {
	case strings.HasPrefix(name, "/"):
		return "must be a name below serverFilesCourse, without a leading slash"
	case slices.Contains(strings.Split(name, "/"), ".."):
		return `must not contain ".."`
	}
	return ""
}

func (o *Options) readTimeout(seconds float64) {
	if seconds > MaxTimeout.Seconds() {
		o.Timeout = MaxTimeout
		o.Warnings = append(o.Warnings, fmt.Sprintf("the timeout of %s seconds is above the limit and was lowered to %s seconds",
			strconv.FormatFloat(seconds, 'g', -1, 64), FormatSeconds(MaxTimeout)))
		return
	}
	o.Timeout = time.Duration(seconds) * time.Second
}

func enabledWarning(enabled any) string {
	text := `"enabled" is not used any more; remove it`
	if enabled == false {
		text = `"enabled": false does not switch grading off any more; change "gradingMethod" instead`
	}
	return text
}

// errNotExternal is a question that no container grades.
var errNotExternal = errors.New(`"gradingMethod" is not "External"`)
