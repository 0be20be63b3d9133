package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/gradertest"
	"github.com/spf13/cobra"
)

// testOptions are the flags of test.
type testOptions struct {
	config *configFlags
	course string
	add    string
	junit  string
	asJSON bool
	update bool
	fresh  bool
}

func newTest() *cobra.Command {
	o := &testOptions{}
	command := &cobra.Command{
		Use:   "test [COURSE|QUESTION|SAMPLE…]",
		Short: "Test graders on sample submissions",
		Long: `test grades sample submissions and compares what comes out with what must. A sample is a folder grader_tests/NAME of a question: the
files as a student would hand them in, and an expect.toml beside them.

  slashgrade test                                                  the course or question of the working directory
  slashgrade test questions/fibonacci questions/word-count
  slashgrade test questions/fibonacci/grader_tests/correct         one sample
  slashgrade test --new correct questions/fibonacci fib.py         make a sample of files, and record what comes out
  slashgrade test --update questions/fibonacci                     record what comes out from now on
  slashgrade test --junit report.xml --json ~/cs101                for programs

A sample that came out as expected is not graded again until its question, submission, image or slashgrade changes; --fresh grades
all. Failures are printed as differences. Questions with a server.py are tested with what that computes for seed 1.

Exit status: 0 all came out as expected; 1 slashgrade failed; 2 wrong usage, or no samples; 3 samples failed.`,
		RunE: o.run,
	}
	o.config = addConfigFlags(command)
	flags := command.Flags()
	flags.StringVar(&o.course, "course", "", "the course's `folder`; found by its infoCourse.json above each question otherwise")
	flags.StringVar(&o.add, "new", "", "make a sample of this `name` from files: test --new NAME QUESTION FILE…")
	flags.StringVar(&o.junit, "junit", "", "write the results as JUnit XML to this `file`")
	flags.BoolVar(&o.asJSON, "json", false, "print the results as JSON")
	flags.BoolVar(&o.update, "update", false, "record what comes out as expected")
	flags.BoolVar(&o.fresh, "fresh", false, "grade every sample, also those that are known to pass")
	return command
}

func (o *testOptions) run(command *cobra.Command, args []string) error {
	config, err := o.config.load()
	if err != nil {
		return err
	}
	cases, err := o.cases(args)
	if err != nil {
		return usageError(err)
	}
	ctx, stop := signal.NotifyContext(command.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := newTerminal(command.OutOrStdout(), command.ErrOrStderr())
	begin := time.Now()
	results, err := o.grade(ctx, config, cases, out)
	if o.add != "" && (err != nil || ctx.Err() != nil || !results[0].Passed()) {
		err = errors.Join(err, os.RemoveAll(cases[0].Folder())) // nothing is known of it, and its name must not be taken the next time
	}
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errors.New("interrupted; nothing is left running")
	}
	return o.show(results, time.Since(begin), out)
}

// cases are the samples that the command line names or asks to make.
func (o *testOptions) cases(args []string) ([]gradertest.Case, error) {
	if o.add == "" {
		if len(args) == 0 {
			args = []string{"."}
		}
		return gradertest.Find(args)
	}
	if len(args) < 2 {
		return nil, errors.New("--new needs a question and files: `slashgrade test --new NAME QUESTION FILE…`")
	}
	question, err := desk.OpenQuestion(args[0], o.course) // or its mistakes would be told of a folder that was made for nothing
	if err != nil {
		return nil, err
	}
	_ = question.Close()
	c, err := gradertest.Add(args[0], o.add, args[1:])
	if err != nil {
		return nil, err
	}
	o.update = true
	return []gradertest.Case{*c}, nil
}

func (o *testOptions) grade(ctx context.Context, config *Config, cases []gradertest.Case, out *terminal) ([]*gradertest.Result, error) {
	host, err := openDesk(ctx, config, newLogger(&LogConfig{Level: "warn", Format: "text"}, out.stderr))
	if err != nil {
		return nil, err
	}
	defer host.close()
	rules, err := host.rules()
	if err != nil {
		return nil, err
	}
	cache := gradertest.UserCache(rules)
	defer cache.Prune()
	suite := &gradertest.Suite{
		Grader: host.Desk, Images: host.containers, Cache: cache, Course: o.course, Parallel: config.Runner.Concurrency,
		Update: o.update, Fresh: o.fresh,
	}
	shown := out.testProgress(len(cases))
	defer shown.end()
	return suite.Run(ctx, cases, func(r *gradertest.Result) {
		if ctx.Err() == nil { // what an interruption ended says nothing about a grader
			shown.one(r, !o.asJSON)
		}
	}), nil
}

func (o *testOptions) show(results []*gradertest.Result, took time.Duration, out *terminal) error {
	summary := gradertest.Summarise(results, took)
	if o.junit != "" {
		if err := writeJUnit(o.junit, summary); err != nil {
			return err
		}
	}
	if o.asJSON {
		if err := summary.WriteJSON(out.stdout); err != nil {
			return fmt.Errorf("print the results: %w", err)
		}
	} else {
		out.testSummary(summary)
	}
	switch {
	case summary.Broken > 0:
		return exitError{status: statusFailed}
	case summary.Failed > 0:
		return exitError{status: statusFound}
	}
	return nil
}

func writeJUnit(name string, summary *gradertest.Summary) (err error) {
	file, err := os.Create(name) //nolint:gosec // the user names it
	if err != nil {
		return fmt.Errorf("write the results as JUnit XML: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return summary.WriteJUnit(file)
}
