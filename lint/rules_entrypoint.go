package lint

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/slashgrade/slashgrade/jobspec"
)

// entrypointRules are about the program that grades, where it comes with the job.
func entrypointRules() []Rule {
	return []Rule{
		{Name: "entrypoint-missing", Severity: Error, Finds: "an entrypoint under `/grade` that is not there", question: entrypointMissing},
		{Name: "entrypoint-not-listed", Severity: Error, Finds: "an entrypoint in `serverFilesCourse` that the option of that name leaves out", question: entrypointNotListed},
		{Name: "entrypoint-student", Severity: Error, Finds: "an entrypoint that the student hands in", question: entrypointStudent},
		{Name: "entrypoint-outside", Severity: Error, Finds: "an entrypoint that lacks `/grade` before its name", question: entrypointOutside},
		{Name: "entrypoint-relative", Severity: Warning, Finds: "a relative path, which starts from the image's working directory", question: entrypointRelative},
		{Name: "entrypoint-folder", Severity: Error, Finds: "an entrypoint that is a folder", question: entrypointFolder},
		{Name: "entrypoint-mode", Severity: Note, Finds: "an entrypoint that is not executable in the course", question: entrypointMode},
		{Name: "entrypoint-line-ends", Severity: Error, Finds: "a script whose lines end in CR LF", question: entrypointLineEnds},
		{Name: "entrypoint-interpreter", Severity: Error, Finds: "a script without an interpreter line", question: entrypointInterpreter},
		{Name: "entrypoint-empty", Severity: Error, Finds: "an entrypoint without content", question: entrypointEmpty},
		{Name: "entrypoint-shared", Severity: Warning, Finds: "a path under `/grade/shared`, which is an old name", question: entrypointShared},
	}
}

// words are those of the entrypoint that lie under /grade, without that: the program, and the script that a shell is given.
func (q *question) words() []string {
	var found []string
	for i, word := range q.entrypoint {
		below, inGrade := strings.CutPrefix(path.Clean(word), "/grade/")
		if inGrade && (i == 0 || i == 1 && isInterpreter(q.entrypoint[0])) {
			found = append(found, below)
		}
	}
	return found
}

// isInterpreter says whether a program takes a script as its first argument.
func isInterpreter(program string) bool {
	switch name := path.Base(program); name {
	case "perl", "ruby", "node", "Rscript":
		return true
	default:
		return isShell(program) || strings.HasPrefix(name, "python")
	}
}

// isShell says whether a program is a shell, which stumbles over CR.
func isShell(program string) bool {
	switch path.Base(program) {
	case "sh", "bash", "dash", "zsh":
		return true
	}
	return false
}

func (q *question) ofEntrypoint(message, advice string) []Finding {
	return q.option("entrypoint", message, advice)
}

func entrypointMissing(q *question) []Finding {
	var found []Finding
	for _, word := range q.words() {
		name := q.copied(word)
		if name == "" || exists(q.fsys, name) {
			continue
		}
		advice := "add the file, or correct the name"
		if other := inOtherCase(q.fsys, name); other != "" {
			advice = fmt.Sprintf("there is %s; upper and lower case count", other)
		}
		found = append(found, q.ofEntrypoint(fmt.Sprintf("/grade/%s will not be there: the course has no %s", word, name), advice)...)
	}
	return found
}

func entrypointNotListed(q *question) []Finding {
	var found []Finding
	for _, word := range q.words() {
		folder, below, _ := strings.Cut(word, "/")
		if folder == "tests" || q.copied(word) == "" || !exists(q.fsys, q.copied(word)) || q.lists(below) {
			continue
		}
		found = append(found, q.ofEntrypoint(fmt.Sprintf("/grade/%s will not be there: serverFilesCourse does not list it", word),
			fmt.Sprintf("add %q to serverFilesCourse", strings.SplitN(below, "/", 2)[0]))...)
	}
	return found
}

func entrypointStudent(q *question) []Finding {
	var found []Finding
	for _, word := range q.words() {
		if strings.HasPrefix(word, "student/") {
			found = append(found, q.ofEntrypoint("a file that the student hands in grades the student: any score can be written",
				"put the grader into tests/ and let it run the student's file")...)
		}
	}
	return found
}

func entrypointOutside(q *question) []Finding {
	if len(q.entrypoint) == 0 {
		return nil
	}
	program := path.Clean(q.entrypoint[0])
	below := strings.TrimPrefix(program, "/")
	if !path.IsAbs(program) || q.copied(below) == "" || !exists(q.fsys, q.copied(below)) {
		return nil
	}
	return q.ofEntrypoint(fmt.Sprintf("%s is not where the course's files are: everything lies under /grade", program), "write /grade"+program)
}

func entrypointRelative(q *question) []Finding {
	if len(q.entrypoint) == 0 || path.IsAbs(q.entrypoint[0]) || !strings.Contains(q.entrypoint[0], "/") {
		return nil
	}
	return q.ofEntrypoint(fmt.Sprintf("%s starts from the image's working directory, which is not /grade unless the image says so", q.entrypoint[0]),
		"write the whole path, for example /grade/tests/run.sh")
}

// target is the file of the course that is the entrypoint's program, and whether it is a file under /grade at all.
func (q *question) target() (name string, info fs.FileInfo) {
	below, inGrade := jobspec.GradeFile(q.entrypoint)
	if !inGrade || q.copied(below) == "" {
		return "", nil
	}
	name = q.copied(below)
	info, err := fs.Stat(q.fsys, name)
	if err != nil {
		return "", nil
	}
	return name, info
}

func entrypointFolder(q *question) []Finding {
	name, info := q.target()
	if info == nil || !info.IsDir() {
		return nil
	}
	return q.ofEntrypoint(name+" is a folder and cannot be run", "name a file in it")
}

func entrypointMode(q *question) []Finding {
	name, info := q.target()
	if info == nil || !info.Mode().IsRegular() || info.Mode()&0o111 != 0 {
		return nil
	}
	return []Finding{at(name, top(), "the file is not executable; platforms make it so for the job", "chmod +x, so that it also runs by hand")}
}

// scripts are the files of the course that the kernel or a shell reads line by line.
func (q *question) scripts() map[string][]byte {
	found := map[string][]byte{}
	if name, info := q.target(); info != nil && info.Mode().IsRegular() {
		found[name] = head(q.fsys, name, MaxPythonBytes)
	}
	if words := q.words(); len(q.entrypoint) > 1 && isShell(q.entrypoint[0]) && len(words) > 0 && q.copied(words[0]) != "" {
		if data := head(q.fsys, q.copied(words[0]), MaxPythonBytes); data != nil {
			found[q.copied(words[0])] = data
		}
	}
	return found
}

func entrypointLineEnds(q *question) []Finding {
	var found []Finding
	for name, data := range q.scripts() {
		line := firstCRLF(data)
		if line == 0 || bytes.IndexByte(data, 0) >= 0 {
			continue
		}
		message := "lines end in CR LF, as on Windows: the shell takes the CR for a part of the last word"
		if line == 1 && isScript(data) {
			message = "the interpreter line ends in CR LF: there is no interpreter of that name, and the job cannot be started"
		}
		found = append(found, at(name, place{line, 1}, message, "save it with LF line ends (dos2unix), and add `*.sh text eol=lf` to .gitattributes"))
	}
	return found
}

func entrypointInterpreter(q *question) []Finding {
	name, info := q.target()
	if info == nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return nil
	}
	data := head(q.fsys, name, 4096)
	switch {
	case bytes.HasPrefix(data, []byte("\x7fELF")):
		return nil
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf#!")):
		return []Finding{at(name, top(), "a byte order mark stands before #!, so the kernel does not see the interpreter line", "save it as UTF-8 without a byte order mark")}
	case !isScript(data):
		return []Finding{at(name, top(), "the file does not begin with an interpreter line, so the kernel cannot start it", "begin it with #!/bin/sh, #!/usr/bin/env python3 or the like")}
	}
	line, _, _ := strings.Cut(string(data[2:]), "\n")
	words := strings.Fields(line)
	if len(words) > 0 && path.IsAbs(words[0]) {
		return nil
	}
	return []Finding{at(name, top(), "the interpreter line does not name a program by its whole path", "write #!/bin/sh, #!/usr/bin/env python3 or the like")}
}

func entrypointEmpty(q *question) []Finding {
	name, info := q.target()
	if info == nil || !info.Mode().IsRegular() || info.Size() > 0 {
		return nil
	}
	return []Finding{at(name, top(), "the file is empty, so nothing grades", "write the grader")}
}

func entrypointShared(q *question) []Finding {
	for _, word := range q.words() {
		if strings.HasPrefix(word, "shared/") {
			return q.ofEntrypoint("/grade/shared is an old name that PrairieLearn does not document any more", "write /grade/serverFilesCourse")
		}
	}
	return nil
}
