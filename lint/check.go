package lint

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slashgrade/slashgrade/jobspec"
)

// maxLooseJSON bounds a results file that is looked at. It is more than a job may leave, so that the size can be told of.
const maxLooseJSON = 16 << 20

// Options say how to check.
type Options struct {
	// Python parses the Python grader's tests.
	Python Python
	// Ignore are names of rules that say nothing.
	Ignore []string
}

// Report is what a check found.
type Report struct {
	// Findings are ordered by file and place.
	Findings []Finding `json:"findings"`
	// Questions and Results are how many were looked at.
	Questions int `json:"questions"`
	Results   int `json:"results"`
}

// Count is how many findings have the severity.
func (r *Report) Count(s Severity) int {
	count := 0
	for i := range r.Findings {
		if r.Findings[i].Severity == s {
			count++
		}
	}
	return count
}

// Check looks at courses, questions, their files and results files. What is wrong in them is in the report; the error is for paths
// that are none of these, and for rules in Ignore that do not exist.
func Check(ctx context.Context, paths []string, opts *Options) (*Report, error) {
	rules, err := chosen(opts.Ignore)
	if err != nil {
		return nil, err
	}
	t, err := findTargets(paths)
	if err != nil {
		return nil, err
	}
	defer t.close()
	report := &Report{Findings: []Finding{}}
	for _, c := range t.courses {
		if err := report.course(ctx, c, rules, opts); err != nil {
			return nil, err
		}
	}
	for _, name := range t.loose {
		folder, base := filepath.Split(name)
		if err := report.results(os.DirFS(cmp.Or(folder, ".")), base, loosePath(folder), rules); err != nil {
			return nil, err
		}
	}
	report.Findings = sorted(report.Findings)
	return report, nil
}

// chosen are the rules without the ignored ones.
func chosen(ignore []string) ([]Rule, error) {
	rules := Rules()
	for _, name := range ignore {
		i := slices.IndexFunc(rules, func(r Rule) bool { return r.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no rule %q to ignore; the rules are listed by --rules", name)
		}
		rules = slices.Delete(rules, i, i+1)
	}
	return rules, nil
}

// loosePath names files that lie in no course as their folder was given.
func loosePath(folder string) func(string) string {
	return func(name string) string { return filepath.Join(folder, name) }
}

func (r *Report) add(shown func(string) string, findings []Finding) {
	for _, f := range findings {
		f.File = shown(f.File)
		r.Findings = append(r.Findings, f)
	}
}

func (r *Report) course(ctx context.Context, c *course, rules []Rule, opts *Options) error {
	questions := make([]*question, len(c.questions))
	for i, dir := range c.questions {
		questions[i] = readQuestion(c.fsys, dir)
		c.results = append(c.results, c.resultsOf(dir)...)
	}
	parsed, unparsed := c.parse(ctx, questions, &opts.Python)
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.whole {
		if info, err := readDocument(c.fsys, "infoCourse.json", jobspec.MaxInfoBytes); err == nil {
			r.add(c.shown, apply(rules, info, ofJSON))
		}
	}
	for _, q := range questions {
		q.modules, q.unparsed = parsed, unparsed
		r.question(c, q, rules)
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(c.results))) {
		if err := r.results(c.fsys, name, c.shown, rules); err != nil {
			return err
		}
	}
	return nil
}

func ofJSON(r *Rule) func(*document) []Finding      { return r.json }
func ofResults(r *Rule) func(*document) []Finding   { return r.results }
func ofQuestions(r *Rule) func(*question) []Finding { return r.question }

func (r *Report) question(c *course, q *question, rules []Rule) {
	r.Questions++
	if q.info != nil {
		r.add(c.shown, apply(rules, q.info, ofJSON))
	}
	r.add(c.shown, apply(rules, q, ofQuestions))
}

func (r *Report) results(fsys fs.FS, name string, shown func(string) string, rules []Rule) error {
	d, err := readDocument(fsys, name, maxLooseJSON)
	if err != nil {
		return err
	}
	r.Results++
	r.add(shown, apply(rules, d, ofJSON))
	r.add(shown, apply(rules, d, ofResults))
	return nil
}

// parse parses all Python files of the course that rules look at, in one run of the interpreter.
func (c *course) parse(ctx context.Context, questions []*question, python *Python) (*modules, error) {
	var names []string
	for _, q := range questions {
		names = append(names, q.pythonFiles()...)
	}
	if len(names) == 0 {
		return &modules{}, nil
	}
	shared, _ := tree(c.fsys, "serverFilesCourse")
	for _, e := range shared {
		if e.mode.IsRegular() && strings.HasSuffix(e.name, ".py") {
			names = append(names, path.Clean(e.name))
		}
	}
	found, version, err := python.parse(ctx, c.fsys, names)
	if err != nil {
		return nil, err
	}
	return &modules{found, version}, nil
}
