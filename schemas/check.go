package schemas

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// MaxCheckTime is how long one document may be validated. The worst documents of 1 MiB that the tests know take less than a second
// on a busy machine; a job must not wait for one that is worse.
const MaxCheckTime = 10 * time.Second

// clockEvery is how many values are checked between two looks at the clock.
const clockEvery = 256

// check is one document on its way through its schema.
type check struct {
	found    findings
	at       pointer
	deadline time.Time
	visited  int
	first    bool // stop at the first violation: the question is only whether the schema holds
}

// validate checks the value by the schema. It neither panics nor runs past the limit: both are violations of the whole document.
func validate(document string, n *node, value any, limit time.Duration) error {
	c := &check{deadline: time.Now().Add(limit)}
	if fault := c.run(n, value); fault != nil {
		c.found.add(nil, "could not be checked: "+fault.Error(), value)
	}
	return c.found.invalid(document)
}

var errSlow = errors.New("it takes too long; make it smaller")

// run is walk under recover: the library panics on values that it does not know.
func (c *check) run(n *node, value any) (fault error) {
	defer func() {
		if cause := recover(); cause != nil {
			fault = fmt.Errorf("the schema library failed: %s", shorten(printable(fmt.Sprint(cause)), maxFound))
		}
	}()
	return c.walk(n, value)
}

// walk checks the value and its parts, parts in order. It returns errSlow past the deadline.
func (c *check) walk(n *node, value any) error {
	if n == nil || c.done() {
		return nil
	}
	if c.visited++; c.visited%clockEvery == 0 && time.Now().After(c.deadline) {
		return errSlow
	}
	c.value(n, value)
	for _, part := range n.every {
		if err := c.walk(part, value); err != nil {
			return err
		}
	}
	if err := c.branch(n, value); err != nil {
		return err
	}
	switch value := value.(type) {
	case map[string]any:
		return c.object(n, value)
	case []any:
		return c.array(n, value)
	}
	return nil
}

// value checks what the schema says about the value itself. A wrong type is told without the library, which takes 15 µs to make an
// error: half a million of them fit into results of 1 MiB.
func (c *check) value(n *node, value any) {
	if !n.typed(value) {
		c.found.add(c.at, n.words(rule(n.schema, "type", "")), value)
		return
	}
	if !n.checked {
		return
	}
	if err := n.shell.Validate(value); err != nil {
		c.explain(n, value, err)
	}
}

func (c *check) done() bool { return c.first && c.found.total > 0 }

func (c *check) branch(n *node, value any) error {
	if n.condition == nil || n.then == nil && n.other == nil {
		return nil
	}
	question := check{deadline: c.deadline, first: true}
	if err := question.walk(n.condition, value); err != nil {
		return err
	}
	if question.found.total == 0 {
		return c.walk(n.then, value)
	}
	return c.walk(n.other, value)
}

func (c *check) object(n *node, object map[string]any) error {
	names := n.names
	if n.additional != nil {
		names = slices.Sorted(maps.Keys(object))
	}
	for _, name := range names {
		value, present := object[name]
		if !present {
			continue
		}
		part := n.properties[name]
		if part == nil {
			part = n.additional
		}
		if err := c.part(part, segment{name: name}, value); err != nil {
			return err
		}
	}
	return nil
}

func (c *check) array(n *node, array []any) error {
	if n.items == nil {
		return nil
	}
	for i, item := range array {
		if err := c.part(n.items, segment{index: i, item: true}, item); err != nil {
			return err
		}
	}
	return nil
}

func (c *check) part(n *node, step segment, value any) error {
	c.at = append(c.at, step)
	defer func() { c.at = c.at[:len(c.at)-1] }()
	return c.walk(n, value)
}

// explain turns the library's error about one value into violations.
func (c *check) explain(n *node, value any, err error) {
	var root *jsonschema.ValidationError
	if !errors.As(err, &root) {
		c.found.add(c.at, "could not be checked: "+err.Error(), value)
		return
	}
	before := c.found.total
	for _, cause := range root.Causes {
		keyword, _, _ := strings.Cut(strings.TrimPrefix(cause.KeywordLocation, "/"), "/")
		c.explainKeyword(n, keyword, value, cause.Message)
	}
	if c.found.total == before { // never lose a violation for want of words
		c.found.add(c.at, n.words("must keep to the schema: "+root.Error()), value)
	}
}

// explainKeyword makes of one broken keyword one violation, or one for each key that is missing or unknown.
func (c *check) explainKeyword(n *node, keyword string, value any, message string) {
	object, _ := value.(map[string]any)
	switch keyword {
	case "required":
		for _, name := range n.schema.Required {
			if _, present := object[name]; !present {
				c.found.add(c.at.key(name), n.words("must be present"), absent{})
			}
		}
	case "additionalProperties":
		rule := "is not a known key (known are " + strings.Join(n.names, ", ") + ")"
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if n.properties[name] == nil {
				c.found.add(c.at.key(name), n.words(rule), object[name])
			}
		}
	default:
		c.found.add(c.at, n.words(rule(n.schema, keyword, message)), value)
	}
}

func (n *node) words(rule string) string {
	if n.rule != "" {
		return n.rule
	}
	return rule
}
