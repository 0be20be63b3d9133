package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/schemas"
)

// gradeOptions are the flags of grade.
type gradeOptions struct {
	config     *configFlags
	course     string
	submission string
	params     string
	data       string
	image      string
	images     string
	html       string
	seed       int64
	keep       bool
	shell      bool
	log        bool
	asJSON     bool
	watch      bool
}

func newGrade() *cobra.Command {
	o := &gradeOptions{}
	command := &cobra.Command{
		Use:   "grade QUESTION [FILE…]",
		Short: "Grade a submission at once, without a queue, and show it as its student would see it",
		Long: `grade assembles /grade from a question's folder and a student's files as the platform does, runs the question's grader in a
container of its own, and shows what the student would see.

  slashgrade grade questions/fibonacci fib.py                    files as the student handed them in
  slashgrade grade questions/fibonacci handed-in/                a whole folder of them
  slashgrade grade questions/fibonacci questions/fibonacci/grader_tests/correct
  slashgrade grade --log questions/fibonacci fib.py              and what staff want to know: phases, exit status, image, limits, log
  slashgrade grade --watch questions/fibonacci fib.py            again whenever a file of the question or the submission changes
  slashgrade grade --shell questions/fibonacci fib.py            a shell in the container, in place of the grader

FILE is never guessed: without one, grade names the question's samples. If the question's server.py has a function generate, that runs
first, in the question's image, with the seed of --seed; where the image lacks what it needs, --params takes its place.

Exit status: 0 full score; 3 less than the full score; 4 not gradable; 5 no grade (time-out, invalid results, …); 1 slashgrade failed;
2 wrong usage. With --watch it is that of the last grading, with --shell the shell's own.`,
		RunE: func(command *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(errors.New("which question? name its folder, for example `slashgrade grade questions/fibonacci fib.py`"))
			}
			return o.run(command, args[0], args[1:])
		},
	}
	o.config = addConfigFlags(command)
	o.addFlags(command)
	return command
}

func (o *gradeOptions) addFlags(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&o.course, "course", "", "the course's `folder`; found by its infoCourse.json above the question otherwise")
	flags.StringVar(&o.submission, "submission", "", "a JSON `file` with submitted_answers in place of FILEs")
	flags.StringVar(&o.params, "params", "", "a JSON `file` with the params of data.json, in place of what server.py computes")
	flags.StringVar(&o.data, "data", "", "a JSON `file` that becomes data.json as it is")
	flags.Int64Var(&o.seed, "seed", desk.FirstSeed, "the variant's seed, for server.py and in data.json")
	flags.StringVar(&o.image, "image", "", "another `image` than the question's")
	flags.StringVar(&o.images, "images", "", "the `folder` that the grader's images are saved in; one in the user's cache otherwise")
	flags.BoolVar(&o.keep, "keep", false, "keep /grade as the job left it, below $JOBS_DIR or ~/.pljobs")
	flags.BoolVar(&o.shell, "shell", false, "open a shell in the prepared container in place of the grader")
	flags.BoolVar(&o.log, "log", false, "show what staff want to know too: phases, exit status, image, limits, log")
	flags.BoolVar(&o.asJSON, "json", false, "print the report as JSON on one line; with --log the log is in it")
	flags.StringVar(&o.html, "html", "", "write the report as a page of its own into this `file` too")
	flags.BoolVar(&o.watch, "watch", false, "grade again whenever a file of the question or the submission changes")
	command.MarkFlagsMutuallyExclusive("params", "data")
	command.MarkFlagsMutuallyExclusive("shell", "watch")
	command.MarkFlagsMutuallyExclusive("shell", "json")
	command.MarkFlagsMutuallyExclusive("shell", "html")
}

// grader is one run of grade: what was asked for, and with what it is done.
type grader struct {
	*gradeOptions
	folder   string // the question's
	files    []string
	host     *deskHost
	out      *terminal
	variants map[string]*desk.Variant // by what they come of, so that --watch runs server.py only when it changed
}

// errInterrupted is why the context ended when the user ended it.
var errInterrupted = errors.New("interrupted; nothing is left running")

func (o *gradeOptions) run(command *cobra.Command, folder string, files []string) error {
	config, err := o.config.load()
	if err != nil {
		return err
	}
	g := &grader{
		gradeOptions: o, folder: folder, files: files, out: newTerminal(command.OutOrStdout(), command.ErrOrStderr()),
		variants: map[string]*desk.Variant{},
	}
	ctx, stop := interruptible(command.Context())
	defer stop()
	t, err := g.question() // before an engine is asked for anything
	if err != nil {
		return usageError(err)
	}
	g.folder, g.course = t.question.Folder, t.question.Course // where links lead
	_ = t.question.Close()
	g.host, err = openDesk(ctx, config, newLogger(&LogConfig{Level: "warn", Format: "text"}, g.out.stderr))
	if err != nil {
		return interruption(ctx, err)
	}
	defer g.host.close()
	switch {
	case o.shell:
		err = g.openShell(ctx)
	case o.watch:
		err = g.watchFiles(ctx)
	default:
		err = g.once(ctx)
	}
	return interruption(ctx, err)
}

// interruptible is a context that SIGINT and SIGTERM end.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
			signal.Stop(signals) // a second one ends the program at once
			cancel(errInterrupted)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// interruption is what an error means after an interrupt, whatever it was that broke off.
func interruption(ctx context.Context, err error) error {
	outcome, _ := errors.AsType[exitError](err)
	if err != nil && outcome.status == 0 && errors.Is(context.Cause(ctx), errInterrupted) {
		return errInterrupted
	}
	return err
}

// task is one grading: the question as it is now, and what is handed in.
type task struct {
	question *desk.Question
	work     *desk.Work
}

// question opens the question and reads the submission, to find every mistake in them.
func (g *grader) question() (*task, error) {
	question, err := desk.OpenQuestion(g.folder, g.course)
	if err != nil {
		return nil, err
	}
	t := &task{question: question}
	submission, err := g.readSubmission(question)
	if err == nil {
		t.work, err = question.Work(submission)
	}
	if err != nil {
		_ = question.Close()
		return nil, err
	}
	if g.image != "" {
		t.work.Job.Image = g.image
	}
	if g.data == "" {
		return t, nil
	}
	data, err := readObjectFile(g.data)
	if err == nil {
		err = t.work.Tree.SetData(data.text)
	}
	if err != nil {
		_ = question.Close()
		return nil, err
	}
	return t, nil
}

func (g *grader) readSubmission(question *desk.Question) (submission *jobspec.Submission, err error) {
	switch {
	case g.submission != "" && len(g.files) > 0:
		return nil, errors.New("--submission takes the place of files; name one or the other")
	case g.submission != "":
		file, err := readObjectFile(g.submission)
		if err != nil {
			return nil, err
		}
		if submission, err = jobspec.ParseSubmission(file.text); err != nil {
			return nil, fmt.Errorf("%s: %w", g.submission, err)
		}
	case len(g.files) == 0 && !g.shell && g.data == "":
		return nil, noFiles(question)
	default:
		if submission, err = desk.ReadSubmission(g.files...); err != nil {
			return nil, fmt.Errorf("the submission: %w", err)
		}
	}
	submission.VariantSeed = g.seed
	if g.params != "" {
		params, err := readObjectFile(g.params)
		if err != nil {
			return nil, err
		}
		submission.Params = params.object
	}
	return submission, nil
}

// noFiles names what could be handed in.
func noFiles(question *desk.Question) error {
	const most = 10
	text := []string{"what is handed in? name the student's files, or one folder of them; an empty folder hands in nothing"}
	samples, _ := filepath.Glob(filepath.Join(question.Folder, desk.SamplesDir, "*")) // a bad pattern finds none
	if len(samples) > 0 {
		text = append(text, "this question has samples:")
	}
	for _, sample := range samples[:min(most, len(samples))] {
		text = append(text, "  "+shownPath(sample))
	}
	if len(samples) > most {
		text = append(text, fmt.Sprintf("  and %d more", len(samples)-most))
	}
	return errors.New(strings.Join(text, "\n"))
}

// shownPath is the path from the working directory, if that is the shorter way.
func shownPath(path string) string {
	folder, err := os.Getwd()
	if err != nil {
		return path
	}
	if relative, err := filepath.Rel(folder, path); err == nil && len(relative) < len(path) && !strings.HasPrefix(relative, "../../..") {
		return relative
	}
	return path
}

// objectFile is a file with a JSON object.
type objectFile struct {
	text   []byte
	object map[string]any
}

func readObjectFile(name string) (*objectFile, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > jobspec.MaxSubmissionBytes {
		return nil, fmt.Errorf("%s has more than %d bytes", name, jobspec.MaxSubmissionBytes)
	}
	text, err := os.ReadFile(name) //nolint:gosec // the user names it
	if err != nil {
		return nil, err
	}
	document, err := schemas.Decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	object, ok := document.Value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s must hold an object, found %s", name, schemas.Describe(document.Value))
	}
	return &objectFile{text, object}, nil
}
