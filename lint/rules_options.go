package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/schemas"
)

// optionRules are about the values of externalGradingOptions.
func optionRules() []Rule {
	broken := func(name string) func(*question) []Finding {
		return func(q *question) []Finding { return q.broken(name) }
	}
	return []Rule{
		{Name: "image-missing", Severity: Error, Finds: "options without an image", question: broken("image-missing")},
		{Name: "image-name", Severity: Error, Finds: "an image name that no registry can have", question: broken("image-name")},
		{Name: "image-tag", Severity: Warning, Finds: "an image name without a tag or digest", question: imageTag},
		{Name: "option-unknown", Severity: Error, Finds: "an option that does not exist", question: broken("option-unknown")},
		{Name: "option-value", Severity: Error, Finds: "an option of the wrong type, or too large", question: broken("option-value")},
		{Name: "option-deprecated", Severity: Warning, Finds: "`enabled`, which does nothing any more", question: optionDeprecated},
		{Name: "timeout-value", Severity: Error, Finds: "a timeout that is no whole number, or below 1", question: broken("timeout-value")},
		{Name: "timeout-lowered", Severity: Warning, Finds: "a timeout above 600 seconds", question: timeoutLowered},
		{Name: "timeout-short", Severity: Warning, Finds: "a timeout that the image's own start may use up", question: timeoutShort},
		{Name: "environment-value", Severity: Error, Finds: "a variable that no program can be started with", question: broken("environment-value")},
		{Name: "environment-null", Severity: Warning, Finds: "`null` for a variable, which PrairieLearn's schema refuses", question: environmentNull},
		{Name: "entrypoint-value", Severity: Error, Finds: "an entrypoint without a program, or with open quotes", question: broken("entrypoint-value")},
		{Name: "course-file-name", Severity: Error, Finds: "a name in `serverFilesCourse` that leads out of that folder", question: broken("course-file-name")},
		{Name: "network-enabled", Severity: Note, Finds: "a container with a network", question: networkEnabled},
	}
}

// brokenRule is the rule whose name a violation of the options goes by.
func brokenRule(v *schemas.Violation) string {
	option, below, _ := strings.Cut(strings.TrimPrefix(v.Pointer, optionsPointer+"/"), "/")
	switch {
	case v.Pointer == optionsPointer:
		return "" // options-object tells of it
	case strings.HasPrefix(v.Rule, "is not a known key"):
		return "option-unknown"
	case option == "image" && v.Found == "nothing":
		return "image-missing"
	case option == "image":
		return "image-name"
	case option == "timeout":
		return "timeout-value"
	case option == "environment":
		return "environment-value"
	case option == "entrypoint":
		return "entrypoint-value"
	case option == "serverFilesCourse" && below != "" && !strings.Contains(v.Rule, "must be a string"):
		return "course-file-name"
	}
	return "option-value"
}

// broken are the schema's findings that go by the rule's name.
func (q *question) broken(name string) []Finding {
	var found []Finding
	for i := range q.violations {
		v := &q.violations[i]
		if brokenRule(v) == name {
			found = append(found, q.info.finding(q.brokenPlace(v, name), optionText(v), q.brokenAdvice(v, name)))
		}
	}
	return found
}

func optionText(v *schemas.Violation) string {
	short := *v
	short.Pointer = strings.TrimPrefix(strings.TrimPrefix(v.Pointer, optionsPointer), "/")
	return short.String()
}

func (q *question) brokenPlace(v *schemas.Violation, name string) place {
	switch name {
	case "option-unknown", "environment-value":
		return q.info.keyAt(v.Pointer)
	case "image-missing":
		return q.info.keyAt(optionsPointer)
	}
	return q.info.valueAt(v.Pointer)
}

func (q *question) brokenAdvice(v *schemas.Violation, name string) string {
	switch name {
	case "image-missing":
		return `add "image", for example "debian:trixie-slim"`
	case "image-name":
		return "write it as docker pull takes it, for example debian:trixie-slim"
	case "option-unknown":
		return unknownAdvice(strings.TrimPrefix(v.Pointer, optionsPointer+"/"))
	case "timeout-value":
		return "write whole seconds from 1 to 600, without quotes; without the option it is 30"
	case "environment-value":
		return `write {"NAME": "value"} with values in quotes`
	case "entrypoint-value":
		return `write a command line such as "/grade/tests/run.sh", or remove the option to use the image's own`
	case "course-file-name":
		return "name files and folders below the course's serverFilesCourse, without a leading slash and without .."
	}
	return "see the options in docs/courses.md"
}

// unknownAdvice proposes the option that was meant.
func unknownAdvice(name string) string {
	folded := strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
	meant := map[string]string{
		"files": "serverFilesCourse", "serverfilescourses": "serverFilesCourse", "env": "environment", "networking": "enableNetworking",
		"network": "enableNetworking", "command": "entrypoint", "cmd": "entrypoint", "timelimit": "timeout",
	}
	for _, known := range []string{"image", "entrypoint", "serverFilesCourse", "timeout", "enableNetworking", "environment", "comment"} {
		if folded == strings.ToLower(known) || distance(folded, strings.ToLower(known)) <= 2 {
			meant[folded] = known
		}
	}
	if known := meant[folded]; known != "" {
		return "did you mean " + known + "?"
	}
	return "remove it; PrairieLearn refuses the whole question because of it"
}

// distance is the number of characters to change, insert or remove between two short words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		corner := row[0]
		row[0] = i + 1
		for j := range b {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner, row[j+1] = row[j+1], min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func imageTag(q *question) []Finding {
	base, tagged := q.image()
	if !q.graded() || base == "" || tagged {
		return nil
	}
	return q.option("image", "the image has no tag, so it is whatever is called latest on the day of a student's submission",
		"name a tag or, so that nothing can change, a digest")
}

func optionDeprecated(q *question) []Finding {
	enabled, given := q.options["enabled"]
	if !q.graded() || !given {
		return nil
	}
	p := q.info.keyAt(optionsPointer + "/enabled")
	if enabled == false {
		return []Finding{q.info.finding(p, "enabled: false does not switch grading off any more", `change "gradingMethod" instead, and remove it`)}
	}
	return []Finding{q.info.finding(p, "enabled is not used any more", "remove it")}
}

// seconds is the question's time limit as it stands in info.json, the default if there is none.
func (q *question) seconds() (limit float64, given bool) {
	value, given := q.options["timeout"].(float64)
	if !given {
		return jobspec.DefaultTimeout.Seconds(), false
	}
	return value, true
}

func timeoutLowered(q *question) []Finding {
	limit, given := q.seconds()
	if !q.graded() || !given || limit <= jobspec.MaxTimeout.Seconds() {
		return nil
	}
	return q.option("timeout", fmt.Sprintf("a timeout of %g seconds is lowered to 600", limit), "write 600 or less")
}

// startSeconds is what an image needs before the first test begins, with room for a busy host. The Python grader imports for one second
// of processor time before it does anything, of which a job has nine tenths: 2 s were seen on a busy machine. A Java virtual machine
// that compiles a student's classes and JUnit tests takes several seconds; PrairieLearn's documentation names 10.
func startSeconds(base string) float64 {
	switch base {
	case "python-grader", "grader-python":
		return 3
	case "grader-java":
		return 10
	}
	return 0
}

func timeoutShort(q *question) []Finding {
	limit, given := q.seconds()
	base, _ := q.image()
	least := startSeconds(base)
	if !q.graded() || !given || limit < 1 || limit >= least {
		return nil
	}
	return q.option("timeout", fmt.Sprintf("%g seconds may be over before the first test begins: %s itself needs up to %g on a busy host", limit, base, least),
		fmt.Sprintf("write at least %g", least))
}

func environmentNull(q *question) []Finding {
	variables, _ := q.options["environment"].(map[string]any)
	var found []Finding
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if variables[name] == nil && q.graded() {
			found = append(found, q.info.finding(q.info.valueAt(optionsPointer+schemas.Pointer("environment", name)),
				"null removes a variable here, but PrairieLearn's schema refuses it and does not load the question",
				`use "" where an empty value will do, or unset the variable in the entrypoint`))
		}
	}
	return found
}

func networkEnabled(q *question) []Finding {
	if !q.graded() || q.options["enableNetworking"] != true {
		return nil
	}
	return q.option("enableNetworking", "the student's code can reach the network, and send tests and answers away", "leave it out unless the grader needs it")
}
