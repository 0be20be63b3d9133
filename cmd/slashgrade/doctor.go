package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/slashgrade/slashgrade/doctor"
	"github.com/spf13/cobra"
)

// doctorOptions are the command's own.
type doctorOptions struct {
	images []string
	json   bool
}

func newDoctor() *cobra.Command {
	var flags *configFlags
	opts := &doctorOptions{}
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Look whether this host has what grading needs",
		Long: `doctor looks at everything that a runner with this configuration needs, and says of each thing what there is and what to do:
the container engine and its runtimes, limits that really apply (a job in a container tries to break them), images, queue, bucket and
rights, clocks, the data directory, disk and memory. It takes no job from a queue and changes nothing that a job would see.

  slashgrade doctor                                          the embedded queue
  slashgrade doctor --image slashgrade/python-grader:dev     with the images that the course uses

Exit status: 0 nothing has failed (there may be warnings), 1 something has, 2 the command line or the configuration is wrong.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			config, err := flags.load()
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(command.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop() // until then an interrupt removes the trial's container
			return opts.run(ctx, config, command.OutOrStdout())
		},
	}
	flags = addConfigFlags(command)
	command.Flags().StringArrayVar(&opts.images, "image", nil, "an `image` that jobs use; may be repeated; the first is the one that trials run in")
	command.Flags().BoolVar(&opts.json, "json", false, "print JSON, one finding a line")
	return command
}

func (o *doctorOptions) run(ctx context.Context, config *Config, out io.Writer) error {
	for name := range strings.SplitSeq(config.Pool.Warm, ",") {
		if name = strings.TrimSpace(name); name != "" {
			o.images = append(o.images, name)
		}
	}
	v := &visit{host: &host{config: config, log: slog.New(slog.DiscardHandler)}, images: o.images}
	defer v.close()
	show := v.showText(newTerminal(out, io.Discard))
	if o.json {
		encoder := json.NewEncoder(out)
		show = func(f doctor.Finding) { _ = encoder.Encode(f) }
	}
	if doctor.Run(ctx, v.checks(), show) == doctor.Fail {
		return exitError{status: statusFailed}
	}
	return nil
}

// nameWidth is that of the longest usual name of a finding.
const nameWidth = 16

// showText prints a finding on one line, and what to do on the next.
func (*visit) showText(t *terminal) func(doctor.Finding) {
	return func(f doctor.Finding) {
		mark := map[doctor.Status]string{
			doctor.OK: t.colour(green, "ok  "), doctor.Warn: t.colour(yellow, "warn"), doctor.Fail: t.colour(red, "FAIL"),
		}[f.Status]
		t.hanging(fmt.Sprintf("%s  %-*s  ", mark, nameWidth, oneLine(f.Name)), oneLine(f.Found))
		if f.Advice != "" {
			t.hanging(fmt.Sprintf("      %-*s  → ", nameWidth, ""), oneLine(f.Advice))
		}
	}
}

// Limits of the checks. An image may be pulled, and each trial runs a container.
const (
	quickLook = 30 * time.Second
	trialLook = 2 * time.Minute
)

// visit is one run of doctor. Its checks come in an order in which later ones use what earlier ones opened.
type visit struct {
	*host
	images []string
	engine *engineVisit // nil until the engine has answered
}

func (v *visit) checks() []doctor.Check {
	c := v.config
	list := []doctor.Check{
		{Name: "data directory", Limit: quickLook, Look: func(context.Context) []doctor.Finding { return doctor.DataDirectory(c.Runner.DataDir) }},
		{Name: "engine", Limit: quickLook, Look: v.lookAtEngine},
		{Name: "containers without the engine", Limit: quickLook, Look: v.tryDirect},
		{Name: "memory", Limit: quickLook, Look: v.lookAtMemory},
		{Name: "images", Limit: c.Engine.PullTimeout * time.Duration(max(1, len(v.images))), Look: v.lookAtImages},
		{Name: "runtimes", Limit: trialLook, Look: v.tryRuntimes},
		{Name: "limits", Limit: trialLook, Look: v.tryLimits},
	}
	if c.usesSQS() {
		return append(list,
			doctor.Check{Name: "queue", Limit: quickLook, Look: v.lookAtSQS},
			doctor.Check{Name: "bucket", Limit: quickLook, Look: v.lookAtS3})
	}
	return append(list, doctor.Check{Name: "queue", Limit: quickLook, Look: v.lookAtRiver})
}

// firstImage is the one that trials run in: one that is there already.
func (v *visit) firstImage() string {
	if v.engine == nil {
		return ""
	}
	return cmp.Or(v.engine.images...)
}
