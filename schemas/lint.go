package schemas

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// lint collects what PrairieLearn takes but drops or shows otherwise than the grader meant. The results are valid.
type lint struct {
	notes
}

func lintResults(results map[string]any) []string {
	var l lint
	l.keys(nil, results, []string{"score", "gradable", "succeeded", "format_errors", "message", "output", "images", "tests"})
	l.flags(results)
	l.formatErrors(results["format_errors"])
	l.texts(nil, results, "message", "output")
	l.images(nil, results)
	l.tests(results)
	return l.list()
}

// keys warns of keys that are known ones but for their case: they are passed on and mean nothing.
func (l *lint) keys(at pointer, object map[string]any, known []string) {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		folded := strings.ToLower(key)
		if key != folded && slices.Contains(known, folded) {
			l.addf("%s is ignored: the key is written %s", place(at.key(key)), folded)
		}
	}
}

// flags warns of scores that do not become the grade.
func (l *lint) flags(results map[string]any) {
	score, scored := results["score"].(float64)
	if results["gradable"] == false && scored && score != 0 {
		l.addf("/score %s is ignored: gradable is false", describe(score))
	}
	succeeded, given := results["succeeded"]
	if !given || succeeded == nil || succeeded == true {
		return
	}
	switch {
	case !falsy(succeeded):
		l.addf("/succeeded must be true or false, found %s; it counts as true", describe(succeeded))
	case results["gradable"] != false:
		l.addf("/succeeded is %s: the score becomes 0 and an attempt is used up; to spare the student the attempt, set gradable to false",
			describe(succeeded))
	}
}

// falsy is JavaScript's idea of false, as PrairieLearn applies it to results.succeeded.
func falsy(v any) bool {
	return v == nil || v == false || v == 0.0 || v == ""
}

func (l *lint) formatErrors(v any) {
	switch v := v.(type) {
	case nil, string:
	case []any:
		for i, item := range v {
			if _, isText := item.(string); !isText {
				at := pointer{{name: "format_errors"}, {index: i, item: true}}
				l.addf("%s must be text, found %s; the student sees it as Python prints it", place(at), kind(item))
			}
		}
	default:
		l.addf("/format_errors must be text or an array of texts, found %s; the student does not see it", kind(v))
	}
}

// texts warns of keys whose value is not text. PrairieLearn shows message and output as an error of its own followed by the value.
func (l *lint) texts(at pointer, object map[string]any, keys ...string) {
	for _, key := range keys {
		value, given := object[key]
		if _, isText := value.(string); !given || value == nil || isText {
			continue
		}
		l.addf("%s must be text, found %s; the student sees an error or how Python prints it", place(at.key(key)), kind(value))
	}
}

func (l *lint) images(at pointer, object map[string]any) {
	switch images := object["images"].(type) {
	case nil:
	case []any:
		for i, image := range images {
			l.image(append(at.key("images"), segment{index: i, item: true}), image)
		}
	default:
		l.addf("%s must be an array of images, found %s; the student sees one image or none", place(at.key("images")), kind(images))
	}
}

func (l *lint) image(at pointer, image any) {
	switch image := image.(type) {
	case string:
		l.imageURL(at, image)
	case map[string]any:
		l.imageURL(at.key("url"), image["url"])
		l.texts(at, image, "label")
	default:
		l.addf("%s must be an object with a url, or a url, found %s; the student sees a broken image", place(at), kind(image))
	}
}

func (l *lint) imageURL(at pointer, url any) {
	text, isText := url.(string)
	switch scheme, _, _ := strings.Cut(text, ":"); {
	case !isText:
		l.addf("%s must be text, found %s; the student sees a broken image", place(at), kind(url))
	case !strings.EqualFold(scheme, "data"):
		l.addf("%s should begin with data:, found %s; the image is fetched from elsewhere or is broken", place(at), quoted(text))
	}
}

func (l *lint) tests(results map[string]any) {
	tests, isArray := results["tests"].([]any)
	if value, given := results["tests"]; given && !isArray && value != nil {
		l.addf("/tests must be an array of tests, found %s; no tests are shown", kind(value))
	}
	for i, item := range tests {
		test, _ := item.(map[string]any)
		at := pointer{{name: "tests"}, {index: i, item: true}}
		l.keys(at, test, []string{"name", "description", "points", "max_points", "message", "output", "images"})
		if name, given := test["name"]; !given || name == nil || name == "" {
			l.addf("%s is missing; the student sees a test without a headline", place(at.key("name")))
		}
		l.texts(at, test, "name", "description", "message", "output")
		l.images(at, test)
	}
	l.points(results, tests)
}

// points warns of points that are hidden, and of a sum that contradicts the score beside which it is shown.
func (l *lint) points(results map[string]any, tests []any) {
	if hidden := missingPoints(tests); hidden != nil {
		l.addf("%s is missing; therefore no points are shown for any test", place(hidden))
		return
	}
	var points, most float64
	for i, item := range tests {
		test, _ := item.(map[string]any)
		at := pointer{{name: "tests"}, {index: i, item: true}}
		points += l.number(at, test, "points")
		most += l.number(at, test, "max_points")
	}
	score, scored := results["score"].(float64)
	if scored && most > 0 && results["gradable"] != false && math.Abs(score-points/most) > visible {
		l.addf("/score is %s but the tests' points are %s of %s; the student sees both", describe(score), describe(points), describe(most))
	}
}

// visible is the smallest difference that shows: scores are printed as per cent with two decimals.
const visible = 0.00005

// missingPoints is the first place that PrairieLearn misses to show points, nil if there is none.
func missingPoints(tests []any) pointer {
	for i, item := range tests {
		test, _ := item.(map[string]any)
		for _, key := range []string{"points", "max_points"} {
			if test[key] == nil {
				return pointer{{name: "tests"}, {index: i, item: true}, {name: key}}
			}
		}
	}
	return nil
}

// number is the points as Python adds them up: true is 1.
func (l *lint) number(at pointer, test map[string]any, key string) float64 {
	switch value := test[key].(type) {
	case float64:
		return value
	case bool:
		l.addf("%s must be a number, found %t; it counts as 1 or 0", place(at.key(key)), value)
		if value {
			return 1
		}
	}
	return 0
}

// kind is what a value is, without its text: warnings say what to mend, and a student's text does not belong there.
func kind(v any) string {
	if _, isText := v.(string); isText {
		return "text"
	}
	return describe(v)
}
