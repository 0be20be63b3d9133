package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/spf13/cobra"
)

// enqueueOptions are the flags of enqueue.
type enqueueOptions struct {
	config     *configFlags
	course     string
	submission string
	each       string
	work       bool
	asJSON     bool
	ownResults bool
	wait       time.Duration
}

func newEnqueue() *cobra.Command {
	o := &enqueueOptions{}
	command := &cobra.Command{
		Use:   "enqueue QUESTION [FILE…]",
		Short: "Put a submission on the queue, wait, and show the report",
		Long: `enqueue does what a platform does: it assembles /grade from a question's folder and a student's files, stores it, puts a
job on the queue, waits for the report, and shows it.

  slashgrade enqueue questions/fibonacci fib.py                       files as the student handed them in
  slashgrade enqueue questions/fibonacci handed-in/                   a whole folder of them
  slashgrade enqueue questions/fibonacci --submission answer.json     PrairieLearn's submitted_answers with _files in base64
  slashgrade enqueue --each submissions questions/*                   every folder submissions/QUESTION/NAME, and a table at the end

A running ` + "`slashgrade serve`" + ` with the same configuration grades the job; --work grades it in this process.

Exit status: 0 full score; 3 less than the full score; 4 not gradable; 5 no grade (time-out, invalid results, …); 1 slashgrade failed;
2 wrong usage. With --each: 0 if every job was answered.`,
		RunE: func(command *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(errors.New("which question? name its folder, for example `slashgrade enqueue questions/fibonacci fib.py`"))
			}
			return o.run(command, args)
		},
	}
	o.config = addConfigFlags(command)
	flags := command.Flags()
	flags.StringVar(&o.course, "course", "", "the course's `folder`; found by its infoCourse.json above the question otherwise")
	flags.StringVar(&o.submission, "submission", "", "a JSON `file` with submitted_answers in place of FILEs")
	flags.StringVar(&o.each, "each", "", "a `folder` with a folder for each question and in it one for each submission; the arguments are questions")
	flags.BoolVar(&o.work, "work", false, "grade in this process, unless `slashgrade serve` runs on this data directory")
	flags.BoolVar(&o.asJSON, "json", false, "print the report as JSON, one line a job")
	flags.BoolVar(&o.ownResults, "own-results-queue", false, "with SQS: wait on the results queue, which takes events away from the platform")
	flags.DurationVar(&o.wait, "wait", 15*time.Minute, "how long to wait for all reports")
	return command
}

// submitted is one job that enqueue follows.
type submitted struct {
	name   string
	grade  *jobspec.GradeDir
	job    *jobspec.Job
	report *jobspec.Report
}

func (o *enqueueOptions) run(command *cobra.Command, args []string) error {
	config, err := o.config.load()
	if err != nil {
		return err
	}
	jobs, err := o.collect(args)
	if err != nil {
		return usageError(err)
	}
	out := newTerminal(command.OutOrStdout(), command.ErrOrStderr())
	for _, s := range jobs {
		for _, warning := range s.job.Warnings {
			out.warn(s.name + ": " + warning)
		}
	}
	ctx, stop := signal.NotifyContext(command.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, o.wait)
	defer cancel()
	if err := o.submit(ctx, config, jobs, out); err != nil {
		return err
	}
	return o.show(jobs, out)
}

// collect reads the questions and submissions that the command line names.
func (o *enqueueOptions) collect(args []string) ([]*submitted, error) {
	if o.each == "" {
		s, err := o.assemble(args[0], func() (*jobspec.Submission, error) { return o.readSubmission(args[1:]) })
		if err != nil {
			return nil, err
		}
		return []*submitted{s}, nil
	}
	var jobs []*submitted
	for _, question := range args {
		folder := filepath.Join(o.each, filepath.Base(question))
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, fmt.Errorf("no submissions for question %s: %w", question, err)
		}
		for _, entry := range entries {
			if !entry.IsDir() {
				continue
			}
			s, err := o.assemble(question, func() (*jobspec.Submission, error) {
				return desk.ReadSubmission(filepath.Join(folder, entry.Name()))
			})
			if err != nil {
				return nil, err
			}
			s.name = filepath.Base(question) + "/" + entry.Name()
			jobs = append(jobs, s)
		}
	}
	return jobs, nil
}

// assemble makes the job for one question and submission.
func (o *enqueueOptions) assemble(folder string, read func() (*jobspec.Submission, error)) (*submitted, error) {
	question, err := desk.OpenQuestion(folder, o.course)
	if err != nil {
		return nil, err
	}
	submission, err := read()
	if err != nil {
		return nil, fmt.Errorf("the submission: %w", err)
	}
	work, err := question.Work(submission)
	if err != nil {
		return nil, err
	}
	work.Job.RequestedAt = time.Now().UTC().Truncate(time.Millisecond)
	return &submitted{name: filepath.Base(folder), grade: work.Tree, job: &work.Job}, nil
}

func (o *enqueueOptions) readSubmission(files []string) (*jobspec.Submission, error) {
	if o.submission != "" {
		data, err := os.ReadFile(o.submission)
		if err != nil {
			return nil, err
		}
		return jobspec.ParseSubmission(data)
	}
	return desk.ReadSubmission(files...)
}

func (o *enqueueOptions) show(jobs []*submitted, out *terminal) error {
	switch {
	case o.asJSON:
		for _, s := range jobs {
			if err := out.json(s); err != nil {
				return err
			}
		}
	case o.each != "":
		out.table(jobs)
	default:
		out.report(jobs[0])
	}
	if o.each == "" {
		if status := reportStatus(jobs[0].report); status != statusFull {
			return exitError{status: status}
		}
	}
	return nil
}
