// Package slashgrade_test holds what the documentation says against the program: commands are run, tables compared with the code,
// links and names looked up.
package slashgrade_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tracked lists the project's files below the root, with slashes: those in git, and new ones that git does not ignore.
func tracked(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatalf("list the project's files with git: %v", err)
	}
	names := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	return slices.DeleteFunc(names, func(name string) bool {
		_, err := os.Lstat(filepath.FromSlash(name))
		return err != nil // removed, but not yet in git's eyes
	})
}

// goFiles parses the Go files for which keep holds, by name.
func goFiles(t *testing.T, keep func(name string) bool) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	for _, name := range tracked(t) {
		if !strings.HasSuffix(name, ".go") || !keep(name) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = file
	}
	return files
}

func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

func isSource(name string) bool { return !isTest(name) }

func TestReadmeMapsEveryPackage(t *testing.T) {
	var mapped []string
	for _, row := range readDocument(t, "README.md").rows(t, "package") {
		mapped = append(mapped, codes(row[0])...)
	}
	there := map[string]bool{}
	for name := range goFiles(t, isSource) {
		there[path.Dir(name)] = true
	}
	slices.Sort(mapped)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(there)), mapped); diff != "" {
		t.Errorf("the README's map is not the packages that there are (-there +mapped):\n%s", diff)
	}
}

// pathStep is a line of the README's way from main to the container.
var pathStep = regexp.MustCompile("^[0-9]+\\. `([^`]+\\.go)`: `([A-Za-z]+)`")

func TestReadmeLeadsToTheContainer(t *testing.T) {
	const most = 5
	var steps [][]string // file and function
	for _, line := range readDocument(t, "README.md").lines {
		if found := pathStep.FindStringSubmatch(line); found != nil {
			steps = append(steps, found[1:])
		}
	}
	if len(steps) < 2 || len(steps) > most {
		t.Fatalf("the README names %d files, want 2 to %d", len(steps), most)
	}
	for i, step := range steps {
		file := goFiles(t, func(name string) bool { return name == step[0] })[step[0]]
		if file == nil {
			t.Errorf("there is no %s", step[0])
			continue
		}
		if !declares(file, step[1]) {
			t.Errorf("%s has no function %s", step[0], step[1])
		}
		if i+1 < len(steps) && !callsAny(file, steps[i+1][1]) {
			t.Errorf("nothing in %s calls %s, which leads to %s", step[0], steps[i+1][1], steps[i+1][0])
		}
	}
}

func declares(file *ast.File, function string) bool {
	return slices.ContainsFunc(file.Decls, func(decl ast.Decl) bool {
		f, ok := decl.(*ast.FuncDecl)
		return ok && f.Name.Name == function
	})
}

func callsAny(file *ast.File, function string) bool {
	found := false
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && calledName(call) == function {
			found = true
		}
		return !found
	})
	return found
}

// calledName is the name of the called function or method, without what stands before it.
func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	default:
		return ""
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, d := range documents(t) {
		for number, targets := range d.links() {
			for _, target := range targets {
				if problem := badLink(t, d, target); problem != "" {
					t.Errorf("%s:%d: the link %s: %s", d.name, number, target, problem)
				}
			}
		}
	}
}

// badLink says what is wrong with a link; what lies on other machines is not looked at.
func badLink(t *testing.T, d *document, target string) string {
	t.Helper()
	if strings.Contains(target, "://") {
		return ""
	}
	file, anchor, _ := strings.Cut(target, "#")
	name := d.name
	if file != "" {
		name = path.Join(path.Dir(d.name), file)
	}
	info, err := os.Stat(filepath.FromSlash(name))
	switch {
	case err != nil:
		return "there is no " + name
	case anchor == "" || info.IsDir():
		return ""
	case !readDocument(t, name).anchors()[anchor]:
		return name + " has no such heading"
	}
	return ""
}

// named are words of the documents that must be there: files of the project and tests.
var (
	namedFile = regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+$`)
	namedTest = regexp.MustCompile(`^Test[A-Z][A-Za-z0-9]*$`)
)

func TestNamesAreThere(t *testing.T) {
	tests := map[string]bool{}
	for _, file := range goFiles(t, isTest) {
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok {
				tests[f.Name.Name] = true
			}
		}
	}
	top := map[string]bool{}
	for _, name := range tracked(t) {
		top[first(name)] = true
	}
	for _, d := range documents(t) {
		for number, line := range d.prose() {
			for _, name := range codes(line) {
				missingFile := namedFile.MatchString(name) && top[first(name)] && !exists(name)
				missingTest := namedTest.MatchString(name) && !tests[name]
				if missingFile || missingTest {
					t.Errorf("%s:%d: there is no %s", d.name, number, name)
				}
			}
		}
	}
}

// first is the first element of a path.
func first(name string) string {
	element, _, _ := strings.Cut(name, "/")
	return element
}

func exists(name string) bool {
	_, err := os.Stat(filepath.FromSlash(name))
	return err == nil
}

// TestTextsAreAboutTheProject looks for traces of a machine: folders and proxies that no reader has. The patterns are put together
// here so that this file holds none of them.
func TestTextsAreAboutTheProject(t *testing.T) {
	hosts := []string{
		"proxy.golang" + ".org", "sum.golang" + ".org", "pypi" + ".org", "pythonhosted" + ".org", "registry.npmjs" + ".org",
		"deb.debian" + ".org", "security.debian" + ".org",
	}
	traces := regexp.MustCompile(`(^|[^A-Za-z0-9_./-])/(work|tmp/brief)(/[a-z]|\b)|\bshared/(spec|house|seeds|design|machine|bench)\b|` + strings.ReplaceAll(strings.Join(hosts, "|"), ".", `\.`))
	for _, name := range tracked(t) {
		text, err := fs.ReadFile(os.DirFS("."), name)
		if err != nil {
			continue // a link or a submodule holds no text
		}
		if bytes.IndexByte(text, 0) >= 0 {
			continue
		}
		for i, line := range strings.Split(string(text), "\n") {
			if found := traces.FindString(line); found != "" {
				t.Errorf("%s:%d names %q, which is of one machine only", name, i+1, strings.TrimSpace(found))
			}
		}
	}
}
