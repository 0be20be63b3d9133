package schemas

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// rule puts a broken keyword of a schema in words for someone who does not know JSON Schema. message is the library's own text, for
// keywords that no schema of ours uses yet.
func rule(s *jsonschema.Schema, keyword, message string) string {
	switch keyword {
	case "type":
		return "must be " + typeWords(s.Types)
	case "minimum":
		return "must be at least " + number(s.Minimum)
	case "maximum":
		return "must be at most " + number(s.Maximum)
	case "exclusiveMinimum":
		return "must be more than " + number(s.ExclusiveMinimum)
	case "minLength", "minItems":
		return "must not be empty"
	case "maxLength":
		return fmt.Sprintf("must have at most %d characters", s.MaxLength)
	case "maxItems":
		return fmt.Sprintf("must have at most %d items", s.MaxItems)
	case "maxProperties":
		return fmt.Sprintf("must have at most %d keys", s.MaxProperties)
	case "pattern":
		return "must match the pattern " + s.Pattern.String()
	case "const":
		return "must be " + choice(s.Constant)
	case "enum":
		return "must be " + choice(s.Enum)
	}
	return "must keep to the schema: " + message
}

func typeWords(types []string) string {
	words := make([]string, len(types))
	for i, name := range types {
		words[i] = typeWord(name)
	}
	return oneOf(words)
}

func typeWord(name string) string {
	switch name {
	case "null":
		return "null"
	case "boolean":
		return "true or false"
	case "integer":
		return "a whole number"
	case "array", "object":
		return "an " + name
	}
	return "a " + name
}

func choice(values []any) string {
	words := make([]string, len(values))
	for i, value := range values {
		words[i] = describe(value)
	}
	return oneOf(words)
}

func oneOf(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func number(r *big.Rat) string {
	value, _ := r.Float64()
	return strconv.FormatFloat(value, 'g', -1, 64)
}
