package jobspec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slashgrade/slashgrade/schemas"
)

// readEnvironment takes the variables from a decoded object; nil removes one. Values that are neither text nor null are left out: the
// schema has told of them. The violations are what would keep a program from starting.
func readEnvironment(value any) (map[string]*string, []schemas.Violation) {
	object, _ := value.(map[string]any)
	variables := make(map[string]*string, min(len(object), MaxVariables))
	var violations []schemas.Violation
	total := 0
	for _, name := range slices.Sorted(maps.Keys(object)) {
		text, isText := object[name].(string)
		if rule := variableRule(name, text); rule != "" {
			violations = append(violations, schemas.Violation{
				Pointer: schemas.Pointer("environment", name), Rule: rule, Found: schemas.Describe(object[name]),
			})
			continue
		}
		switch {
		case isText:
			variables[name] = &text
			total += variableBytes(name, text)
		case object[name] == nil:
			variables[name] = nil
		}
	}
	if total > MaxEnvironmentBytes {
		violations = append(violations, schemas.Violation{
			Pointer: "/environment",
			Rule:    fmt.Sprintf("must take at most %d bytes in all", MaxEnvironmentBytes),
			Found:   fmt.Sprintf("%d bytes", total),
		})
	}
	return variables, violations
}

func variableRule(name, value string) string {
	switch {
	case name == "":
		return "must have a name"
	case strings.Contains(name, "="):
		return `must not have "=" in its name`
	case variableBytes(name, value) > MaxVariableBytes:
		return fmt.Sprintf("must take at most %d bytes with its name", MaxVariableBytes)
	}
	return ""
}

// variableBytes is what the kernel counts: "NAME=value" and its NUL.
func variableBytes(name, value string) int {
	return len(name) + len("=") + len(value) + 1
}
