package jobspec

import (
	"fmt"
	"path"
	"strings"

	"github.com/kballard/go-shellquote"
)

// The rules of an entrypoint, as a violation words them.
const (
	ruleQuotes  = "must close its quotes and not end in a backslash"
	ruleProgram = "must name a program"
)

// splitEntrypoint splits a command line into words as a POSIX shell does, without expanding anything. rule is the rule that it
// breaks, "" if none.
func splitEntrypoint(line string) (words []string, rule string) {
	if len(line) >= MaxVariableBytes {
		return nil, fmt.Sprintf("must have less than %d bytes", MaxVariableBytes)
	}
	words, err := shellquote.Split(line)
	if err != nil {
		return nil, ruleQuotes
	}
	return words, programRule(words)
}

func programRule(words []string) string {
	if len(words) == 0 || words[0] == "" {
		return ruleProgram
	}
	return ""
}

// joinEntrypoint is the command line that splitEntrypoint splits into the same words.
func joinEntrypoint(words []string) string {
	return shellquote.Join(words...)
}

// GradeFile is the file below /grade that an entrypoint begins with, relative to /grade, and false if it begins with another program.
// Platforms make that file executable before it runs.
func GradeFile(entrypoint []string) (name string, inGrade bool) {
	if len(entrypoint) == 0 || !path.IsAbs(entrypoint[0]) {
		return "", false
	}
	name, inGrade = strings.CutPrefix(path.Clean(entrypoint[0]), "/grade/")
	return name, inGrade && name != ""
}
