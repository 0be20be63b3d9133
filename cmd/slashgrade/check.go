package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/kballard/go-shellquote"
	"github.com/slashgrade/slashgrade/desk/ansi"
	"github.com/slashgrade/slashgrade/lint"
	"github.com/spf13/cobra"
)

// checkOptions are the flags of check.
type checkOptions struct {
	format string
	ignore []string
	python string
	rules  bool
}

func newCheck() *cobra.Command {
	o := &checkOptions{}
	command := &cobra.Command{
		Use:   "check [COURSE|QUESTION|FILE…]",
		Short: "Find mistakes in questions without running anything",
		Long: `check looks for mistakes in externally graded questions: info.json, the entrypoint, the files that a job gets, the Python grader's
tests, expect.toml, results.json. It runs nothing of the course and needs no Docker. Tests in Python are parsed by the python3
of this machine; --python names another, for example one in a container.

  slashgrade check                                                 the course or question of the working directory
  slashgrade check ~/cs101                                         a whole course
  slashgrade check questions/fibonacci questions/word-count
  slashgrade check results.json                                    what a grader wrote
  slashgrade check --python 'docker run --rm -i --network none slashgrade/python-grader:dev python3'

Each finding is one line like a compiler's, with the rule's name in brackets, and one that says what to do.

Exit status: 0 nothing found but notes; 1 slashgrade failed; 2 wrong usage; 3 errors or warnings were found.`,
		RunE: o.run,
	}
	flags := command.Flags()
	flags.StringVar(&o.format, "format", "text", "how findings are printed: text, json, sarif or github")
	flags.StringSliceVar(&o.ignore, "ignore", nil, "`rules` that say nothing, by name, separated by commas")
	flags.StringVar(&o.python, "python", "", "the `command` of a Python 3.8 or later that parses tests; python3 otherwise")
	flags.BoolVar(&o.rules, "rules", false, "list the rules and end")
	return command
}

func (o *checkOptions) run(command *cobra.Command, args []string) error {
	out := newTerminal(command.OutOrStdout(), command.ErrOrStderr())
	if o.rules {
		out.rules()
		return nil
	}
	write, err := o.writer(out)
	if err != nil {
		return usageError(err)
	}
	words, err := shellquote.Split(o.python)
	if err != nil {
		return usageError(fmt.Errorf("--python: %w", err))
	}
	if len(args) == 0 {
		args = []string{"."}
	}
	ctx, stop := signal.NotifyContext(command.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := lint.Check(ctx, args, &lint.Options{Python: lint.Python{Command: words}, Ignore: o.ignore})
	if err != nil {
		return usageError(err)
	}
	if err := write(report); err != nil {
		return fmt.Errorf("print the findings: %w", err)
	}
	if report.Count(lint.Error)+report.Count(lint.Warning) > 0 {
		return exitError{status: statusFound}
	}
	return nil
}

// writer is the function that prints a report in the format that was asked for.
func (o *checkOptions) writer(out *terminal) (func(*lint.Report) error, error) {
	switch o.format {
	case "text":
		return out.findings, nil
	case "json":
		return func(r *lint.Report) error { return r.WriteJSON(out.stdout) }, nil
	case "sarif":
		return func(r *lint.Report) error { return r.WriteSARIF(out.stdout, version) }, nil
	case "github":
		return func(r *lint.Report) error { return r.WriteGitHub(out.stdout) }, nil
	}
	return nil, fmt.Errorf("--format must be text, json, sarif or github, found %q", o.format)
}

// rules lists the rules, one a line.
func (t *terminal) rules() {
	for _, rule := range lint.Rules() {
		t.line("%-24s %-8s %s", rule.Name, rule.Severity, strings.ReplaceAll(rule.Finds, "`", ""))
	}
}

// findings prints the report as compilers do, and a summary on stderr, so that stdout holds findings only.
func (t *terminal) findings(r *lint.Report) error {
	colours := map[lint.Severity]string{lint.Error: red, lint.Warning: yellow, lint.Note: grey}
	for i := range r.Findings {
		f := &r.Findings[i]
		t.line("%s:%d:%d: %s: %s [%s]", oneLine(f.File), f.Line, f.Column, t.colour(colours[f.Severity], string(f.Severity)),
			oneLine(f.Message), f.Rule)
		t.hanging("    ", oneLine(f.Advice))
	}
	_, err := fmt.Fprintln(t.stderr, summary(r))
	return err
}

func oneLine(text string) string { return strings.ReplaceAll(ansi.Plain(text), "\n", " ") }

func summary(r *lint.Report) string {
	looked := plural(r.Questions, "question")
	if r.Results > 0 {
		looked += " and " + plural(r.Results, "results file")
	}
	if len(r.Findings) == 0 {
		return looked + ": nothing found"
	}
	return fmt.Sprintf("%s: %s, %s, %s", looked, plural(r.Count(lint.Error), "error"), plural(r.Count(lint.Warning), "warning"),
		plural(r.Count(lint.Note), "note"))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
