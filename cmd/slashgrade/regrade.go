package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/lipgloss/table"
	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/regrading"
	"github.com/slashgrade/slashgrade/store"
	"github.com/slashgrade/slashgrade/store/s3store"
	"github.com/spf13/cobra"
)

// regradeOptions are the flags of regrade.
type regradeOptions struct {
	config *configFlags
	course string
	jobs   string
	image  string
	asJSON bool
	all    bool
}

func newRegrade() *cobra.Command {
	o := &regradeOptions{}
	command := &cobra.Command{
		Use:   "regrade QUESTION [FOLDER]",
		Short: "Grade submissions again and show what changed",
		Long: `regrade is for the day when a grader was wrong. It grades submissions of a question again, with the question's tests, course files and
options of today, and shows whose grade would change. It answers no platform and changes nothing anywhere.

  slashgrade regrade questions/fibonacci jobs/              every job.tar.gz in the folder; results.json beside it is the grade of before
  slashgrade regrade questions/fibonacci handed-in/         a folder for each submission; the grade of before is not known
  slashgrade regrade questions/fibonacci --jobs list.txt    jobs in S3, one a line: s3://BUCKET/ROOT, or ROOT in s3.bucket
  slashgrade regrade questions/fibonacci jobs/ --json       one line of JSON for each submission, with the whole new report

Of a job's archive it takes the student's files and the variant: parameters, correct answers, submitted answers, seed.

Exit status: 0 no grade changes; 1 slashgrade failed, or some submissions could not be graded; 2 wrong usage; 3 grades change.`,
		RunE: o.run,
	}
	o.config = addConfigFlags(command)
	flags := command.Flags()
	flags.StringVar(&o.course, "course", "", "the course's `folder`; found by its infoCourse.json above the question otherwise")
	flags.StringVar(&o.jobs, "jobs", "", "a `file` that lists jobs in S3 in place of FOLDER")
	flags.StringVar(&o.image, "image", "", "another `image` than the question's")
	flags.BoolVar(&o.asJSON, "json", false, "print one line of JSON for each submission")
	flags.BoolVar(&o.all, "all", false, "show all submissions in the table, not only those that change")
	return command
}

func (o *regradeOptions) run(command *cobra.Command, args []string) error {
	if len(args) == 0 || len(args) == 2 == (o.jobs != "") || len(args) > 2 {
		return usageError(errors.New("name a question and a folder, or a question and --jobs FILE: `slashgrade regrade questions/fibonacci jobs/`"))
	}
	config, err := o.config.load()
	if err != nil {
		return err
	}
	question, err := desk.OpenQuestion(args[0], o.course)
	if err != nil {
		return usageError(err)
	}
	defer question.Close() //nolint:errcheck // it was only read
	if o.image != "" {
		question.Options.Image = o.image
	}
	ctx, stop := signal.NotifyContext(command.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := newTerminal(command.OutOrStdout(), command.ErrOrStderr())
	host, err := openDesk(ctx, config, newLogger(&LogConfig{Level: "warn", Format: "text"}, out.stderr))
	if err != nil {
		return err
	}
	defer host.close()
	items, err := o.items(ctx, host.host, args[1:])
	if err != nil {
		return usageError(err)
	}
	return o.grade(ctx, host, question, items, out)
}

// items are the submissions that the command line names.
func (o *regradeOptions) items(ctx context.Context, h *host, folders []string) ([]regrading.Item, error) {
	if o.jobs == "" {
		return regrading.Folder(folders[0])
	}
	list, err := os.Open(o.jobs)
	if err != nil {
		return nil, err
	}
	defer list.Close() //nolint:errcheck // it was only read
	files, err := s3store.New(ctx, h.s3Options())
	if err != nil {
		return nil, err
	}
	h.onClose(func() error { files.Close(); return nil })
	return regrading.Jobs(list, h.config.S3.Bucket, files, func(err error) bool { return errors.Is(err, store.ErrNotExist) })
}

func (o *regradeOptions) grade(ctx context.Context, host *deskHost, question *desk.Question, items []regrading.Item, out *terminal) error {
	shown := out.progress(len(items))
	results := regrading.Run(ctx, question, host.Desk, items, &regrading.Options{
		Parallel: host.config.Runner.Concurrency, Done: func(*regrading.Result) { shown.one() },
	})
	shown.end()
	if ctx.Err() != nil {
		return errors.New("interrupted; nothing is left running, and nothing was changed")
	}
	return o.show(results, out)
}

func (o *regradeOptions) show(results []*regrading.Result, out *terminal) error {
	changed, failed := 0, 0
	for _, r := range results {
		if r.Changed {
			changed++
		}
		if r.Err != nil {
			failed++
		}
	}
	if o.asJSON {
		for _, r := range results {
			if err := json.NewEncoder(out.stdout).Encode(r); err != nil {
				return fmt.Errorf("print the results: %w", err)
			}
		}
	} else {
		out.regraded(results, o.all)
	}
	out.note(fmt.Sprintf("%s graded again: %d change, %d could not be graded", plural(len(results), "submission"), changed, failed))
	switch {
	case failed > 0:
		return exitError{status: statusFailed}
	case changed > 0:
		return exitError{status: statusFound}
	}
	return nil
}

// regraded shows the submissions whose grade changes or is new, or all of them, one a row.
func (t *terminal) regraded(results []*regrading.Result, all bool) {
	rows := table.New().Border(lipgloss.NormalBorder()).BorderRow(false).Headers("submission", "before", "after", "message").Wrap(false).
		StyleFunc(func(int, int) lipgloss.Style { return t.colours.NewStyle().Padding(0, 1) })
	shown := slices.DeleteFunc(slices.Clone(results), func(r *regrading.Result) bool {
		return !all && !r.Changed && r.Err == nil && r.Before != nil
	})
	room := t.messageRoom(shown)
	for _, r := range shown {
		rows.Row(shorten(r.Name), r.Before.String(), t.after(r), shortenTo(changeMessage(r), room))
	}
	if len(shown) > 0 {
		t.line("%s", rows.Render())
	}
}

// messageRoom is what the other columns leave of the terminal's width, with some for a message in any case.
func (t *terminal) messageRoom(results []*regrading.Result) int {
	const (
		frame = 13 // five lines, and a space at both sides of four cells
		least = 16
	)
	if t.width == 0 {
		return maxCell
	}
	name, before, after := len("submission"), len("before"), len("after")
	for _, r := range results {
		name, before = max(name, lipgloss.Width(shorten(r.Name))), max(before, lipgloss.Width(r.Before.String()))
		after = max(after, lipgloss.Width(t.after(r)))
	}
	return min(maxCell, max(least, t.width-frame-name-before-after))
}

// after is the new grade, marked where it is another.
func (t *terminal) after(r *regrading.Result) string {
	switch {
	case r.Err != nil:
		return t.colour(red, "failed")
	case r.Changed:
		return t.colour(yellow, r.After.String())
	}
	return r.After.String()
}

// changeMessage says what the grades alone do not.
func changeMessage(r *regrading.Result) string {
	switch {
	case r.Err != nil:
		return r.Error
	case r.Changed && r.Before.String() == r.After.String():
		return "the points of tests change"
	case !r.Report.Succeeded:
		return r.Report.Message
	}
	return ""
}

// note is a line on stderr, beside results for programs on stdout.
func (t *terminal) note(text string) {
	_, _ = fmt.Fprintln(t.stderr, text)
}
