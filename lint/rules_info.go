package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slashgrade/slashgrade/schemas"
)

// infoRules are about info.json as a file, and about whether a container grades at all.
func infoRules() []Rule {
	return []Rule{
		{Name: "info-missing", Severity: Error, Finds: "a question's folder without `info.json`", question: infoMissing},
		{Name: "info-unreadable", Severity: Error, Finds: "an `info.json` that is no plain file or has more than 1 MiB", question: infoUnreadable},
		{Name: "json-syntax", Severity: Error, Finds: "a file that is not JSON", json: jsonSyntax},
		{Name: "json-key-twice", Severity: Warning, Finds: "a key that stands twice in one object", json: jsonTwice},
		{Name: "json-text", Severity: Warning, Finds: "text that is not valid UTF-8, or has U+0000 in it", json: jsonText},
		{Name: "info-object", Severity: Error, Finds: "an `info.json` that is not an object", question: infoObject},
		{Name: "grading-method", Severity: Error, Finds: "a `gradingMethod` that does not exist", question: gradingMethod},
		{Name: "grading-method-external", Severity: Warning, Finds: "options for a question that no container grades", question: gradingNotExternal},
		{Name: "options-missing", Severity: Error, Finds: "an external question without `externalGradingOptions`", question: optionsMissing},
		{Name: "options-object", Severity: Error, Finds: "`externalGradingOptions` that are not an object", question: optionsObject},
	}
}

func infoMissing(q *question) []Finding {
	if q.info != nil || exists(q.fsys, q.path("info.json")) {
		return nil
	}
	text, advice := "the folder has no info.json, so it is not a question", "add one, or move the folder away"
	if other := inOtherCase(q.fsys, q.path("info.json")); other != "" {
		advice = fmt.Sprintf("rename %s to info.json", other)
	}
	return []Finding{at(q.dir, top(), text, advice)}
}

func infoUnreadable(q *question) []Finding {
	if q.info != nil || !exists(q.fsys, q.path("info.json")) {
		return nil
	}
	return []Finding{at(q.path("info.json"), top(), "info.json cannot be read: "+q.fault.Error(), "make it a plain file of at most 1 MiB inside the course")}
}

func jsonSyntax(d *document) []Finding {
	if d.malformed == nil {
		return nil
	}
	return []Finding{d.finding(place{d.malformed.Line, d.malformed.Column}, d.malformed.Reason, "correct the JSON")}
}

func jsonTwice(d *document) []Finding {
	var found []Finding
	for _, r := range d.twice {
		message := fmt.Sprintf("the key %s stands more than once in this object; only the last one counts", schemas.Describe(r.name))
		found = append(found, d.finding(r.at, message, "remove all but one"))
	}
	return found
}

func jsonText(d *document) []Finding {
	var found []Finding
	for _, warning := range d.warnings {
		if !strings.HasPrefix(warning, "the key ") { // json-key-twice tells of those, with their places
			found = append(found, d.finding(top(), warning, "write the file as UTF-8, without U+0000"))
		}
	}
	return found
}

func infoObject(q *question) []Finding {
	if q.info == nil || q.info.malformed != nil || q.info.object() != nil {
		return nil
	}
	return []Finding{q.info.finding(top(), "info.json must be an object, found "+schemas.Describe(q.info.value), "put its keys into { }")}
}

// method is the question's gradingMethod, "" if it names none.
func (q *question) method() (value any, given bool) {
	if q.info == nil {
		return nil, false
	}
	value, given = q.info.object()["gradingMethod"]
	return value, given
}

func gradingMethod(q *question) []Finding {
	method, given := q.method()
	text, _ := method.(string)
	if !given || slices.Contains([]string{"Internal", "External", "Manual"}, text) {
		return nil
	}
	message := fmt.Sprintf("gradingMethod is %s, which does not exist: the question cannot be graded", schemas.Describe(method))
	return []Finding{q.info.finding(q.info.valueAt("/gradingMethod"), message, `write "External" for a question that a container grades, else "Internal" or "Manual"`)}
}

func gradingNotExternal(q *question) []Finding {
	method, given := q.method()
	if q.info == nil || q.external || len(gradingMethod(q)) > 0 {
		return nil
	}
	if _, has := q.info.object()["externalGradingOptions"]; !has {
		return nil
	}
	is := "there is no gradingMethod, which means Internal"
	if given {
		is = fmt.Sprintf("gradingMethod is %s", schemas.Describe(method))
	}
	return []Finding{q.info.finding(q.info.keyAt(optionsPointer), is+": no container grades this question, and these options are not used",
		`set "gradingMethod": "External", or remove the options`)}
}

func optionsMissing(q *question) []Finding {
	if !q.external {
		return nil
	}
	if _, given := q.info.object()["externalGradingOptions"]; given {
		return nil
	}
	return []Finding{q.info.finding(q.info.keyAt("/gradingMethod"), "gradingMethod is External, but externalGradingOptions are missing: nothing says which image grades",
		`add "externalGradingOptions": {"image": …}`)}
}

func optionsObject(q *question) []Finding {
	if !q.external || q.options != nil || len(optionsMissing(q)) > 0 {
		return nil
	}
	value := q.info.object()["externalGradingOptions"]
	return []Finding{q.info.finding(q.info.valueAt(optionsPointer), "externalGradingOptions must be an object, found "+schemas.Describe(value),
		"put the options into { }")}
}
