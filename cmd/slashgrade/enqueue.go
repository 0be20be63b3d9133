package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

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
				return jobspec.SubmissionFromFS(os.DirFS(filepath.Join(folder, entry.Name())))
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
	root, dir, err := o.findCourse(folder)
	if err != nil {
		return nil, err
	}
	course, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("open the course: %w", err)
	}
	question, err := jobspec.ParseQuestion(course.FS(), dir)
	if err != nil {
		return nil, err
	}
	submission, err := read()
	if err != nil {
		return nil, fmt.Errorf("the submission: %w", err)
	}
	grade, err := jobspec.NewGradeDir(course.FS(), question, submission)
	if err != nil {
		return nil, err
	}
	options := question.Options
	return &submitted{name: filepath.Base(folder), grade: grade, job: &jobspec.Job{
		Image: options.Image, Entrypoint: options.Entrypoint, Timeout: options.Timeout,
		EnableNetworking: options.EnableNetworking, Environment: options.Environment,
		RequestedAt: time.Now().UTC().Truncate(time.Millisecond), Warnings: question.Warnings,
	}}, nil
}

// findCourse returns the course's folder and the question's path below it.
func (o *enqueueOptions) findCourse(folder string) (root, dir string, err error) {
	folder, err = filepath.Abs(folder)
	if err != nil {
		return "", "", err
	}
	if root = o.course; root == "" {
		root = courseAbove(folder)
	}
	if root == "" {
		return "", "", fmt.Errorf("no course above %s: no folder there has an infoCourse.json\nname the course's folder with --course", folder)
	}
	if root, err = filepath.Abs(root); err != nil {
		return "", "", err
	}
	dir, err = filepath.Rel(root, folder)
	if err != nil || !filepath.IsLocal(dir) {
		return "", "", fmt.Errorf("the question %s does not lie in the course %s", folder, root)
	}
	return root, filepath.ToSlash(dir), nil
}

func courseAbove(folder string) string {
	for {
		if _, err := os.Stat(filepath.Join(folder, "infoCourse.json")); err == nil {
			return folder
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return ""
		}
		folder = parent
	}
}

func (o *enqueueOptions) readSubmission(files []string) (*jobspec.Submission, error) {
	if o.submission != "" {
		data, err := os.ReadFile(o.submission)
		if err != nil {
			return nil, err
		}
		return jobspec.ParseSubmission(data)
	}
	if len(files) == 1 {
		if info, err := os.Stat(files[0]); err == nil && info.IsDir() {
			return jobspec.SubmissionFromFS(os.DirFS(files[0]))
		}
	}
	return handIn(files)
}

// handIn makes a submission of single files, as an upload element does: by their base names.
func handIn(files []string) (*jobspec.Submission, error) {
	type upload struct {
		Name     string `json:"name"`
		Contents string `json:"contents"`
	}
	uploads := []upload{}
	for _, name := range files {
		data, err := os.ReadFile(name) //nolint:gosec // the user names it
		if err != nil {
			return nil, err
		}
		uploads = append(uploads, upload{filepath.Base(name), base64.StdEncoding.EncodeToString(data)})
	}
	answers, err := json.Marshal(map[string]any{"_files": uploads})
	if err != nil {
		return nil, err
	}
	return jobspec.ParseSubmission(answers)
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
