package schemas

import (
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// node is a compiled schema taken apart, so that a document is validated piece by piece: the library checks each value by itself
// (shell), and what the schema says about the parts of a value are nodes of their own. Validated whole, 100,000 wrong tests would
// make the library build 100,000 nested errors before anyone could stop it.
type node struct {
	schema *jsonschema.Schema // as the library compiled it
	shell  *jsonschema.Schema // the same without the keywords below
	// checked says that the shell has anything to check but the type.
	checked bool

	every       []*node // $ref and allOf: all of them hold for the same value
	condition   *node   // if; nil when there is none
	then, other *node   // then and else; nil when there is none
	rule        string  // replaces the words for a broken keyword; for the branches of a condition, whose reason no keyword tells

	properties map[string]*node
	names      []string // keys of properties in order
	additional *node    // additionalProperties as a schema; nil when there is none
	items      *node    // items; nil when there is none
}

// taker takes compiled schemas apart. A schema that refers to itself is the same node again.
type taker map[*jsonschema.Schema]*node

func (t taker) node(schema *jsonschema.Schema) *node {
	if schema == nil {
		return nil
	}
	if known := t[schema]; known != nil {
		return known
	}
	n := &node{schema: schema, shell: shell(schema), checked: constrains(schema)}
	t[schema] = n
	if schema.Ref != nil {
		n.every = append(n.every, t.node(schema.Ref))
	}
	for _, part := range schema.AllOf {
		n.every = append(n.every, t.node(part))
	}
	n.condition, n.then, n.other = t.node(schema.If), t.branch(schema.Then), t.branch(schema.Else)
	n.properties = make(map[string]*node, len(schema.Properties))
	for name, property := range schema.Properties {
		n.properties[name] = t.node(property)
	}
	n.names = slices.Sorted(maps.Keys(n.properties))
	if additional, ok := schema.AdditionalProperties.(*jsonschema.Schema); ok {
		n.additional = t.node(additional)
	}
	n.items = t.node(schema.Items2020)
	return n
}

func (t taker) branch(schema *jsonschema.Schema) *node {
	n := t.node(schema)
	if n != nil {
		n.rule = schema.Description
	}
	return n
}

// shell is the schema without what it says about parts of the value. Property names stay, because additionalProperties needs them.
func shell(schema *jsonschema.Schema) *jsonschema.Schema {
	s := *schema
	s.Ref, s.AllOf, s.If, s.Then, s.Else, s.Items2020 = nil, nil, nil, nil, nil, nil
	anything := true
	s.Properties = make(map[string]*jsonschema.Schema, len(schema.Properties))
	for name := range schema.Properties {
		s.Properties[name] = &jsonschema.Schema{Always: &anything}
	}
	if _, closed := s.AdditionalProperties.(bool); !closed {
		s.AdditionalProperties = nil
	}
	return &s
}

// constrains says whether the schema's shell can refuse a value for anything but its type.
func constrains(s *jsonschema.Schema) bool {
	_, closed := s.AdditionalProperties.(bool)
	return closed || s.Always != nil || s.Constant != nil || s.Enum != nil || s.Not != nil || s.AnyOf != nil || s.OneOf != nil ||
		s.Required != nil || s.Pattern != nil || slices.Contains(s.Types, "integer") ||
		s.Minimum != nil || s.Maximum != nil || s.ExclusiveMinimum != nil || s.ExclusiveMaximum != nil ||
		max(s.MinProperties, s.MaxProperties, s.MinItems, s.MaxItems, s.MinLength, s.MaxLength) >= 0
}

// typed says whether the value is of one of the schema's types. Whole numbers are left to the library.
func (n *node) typed(value any) bool {
	if len(n.schema.Types) == 0 || slices.Contains(n.schema.Types, "integer") {
		return true
	}
	return slices.Contains(n.schema.Types, typeOf(value))
}

// typeOf is the JSON Schema name of the value's type, "" for a value that is not JSON.
func typeOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return ""
}
