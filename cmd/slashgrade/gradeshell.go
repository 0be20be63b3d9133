package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/kballard/go-shellquote"
	"golang.org/x/term"

	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// sheller is an engine that can open a shell in one of its containers.
type sheller interface {
	Shell(ctx context.Context, container string, shell *sandbox.Shell) (status int, err error)
}

// openShell prepares the container as for the grader and gives the user a shell in it, as the user that the grader would run as.
func (g *grader) openShell(ctx context.Context) error {
	engine, ok := g.host.containers.(sheller)
	if !ok {
		return errors.New("this engine opens no shells; use the Docker engine for --shell")
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return usageError(errors.New("--shell needs a terminal to type into; for commands from a file, grade with --keep and look at what is left"))
	}
	t, err := g.ready(ctx)
	if err != nil {
		return err
	}
	defer t.question.Close() //nolint:errcheck // it was only read
	prepared, err := g.host.Prepare(ctx, t.work)
	if err != nil {
		return err
	}
	defer prepared.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the sweep removes what stays
	_, _ = fmt.Fprintf(g.out.stderr, "slashgrade: a shell in %s, as the grader would find it; run the grader yourself, and leave with exit\r\n  %s\r\n",
		t.work.Job.Image, shellquote.Join(prepared.Argv...))
	status, err := g.attach(ctx, engine, prepared.Container, &sandbox.Shell{
		Argv: []string{"/bin/sh", "-c", "cd /grade; if command -v bash >/dev/null; then exec bash; else exec sh; fi"},
		Env:  prepared.Env, Dir: prepared.Dir, User: prepared.User, In: os.Stdin, Out: os.Stdout,
	})
	if err != nil && strings.Contains(err.Error(), "/bin/sh") {
		return fmt.Errorf("the image %s has no /bin/sh to open: %w", t.work.Job.Image, err)
	}
	if err == nil && status != 0 {
		return exitError{status: status}
	}
	return err
}

// attach joins this terminal with the shell's: raw, and of the same size all the time.
func (g *grader) attach(ctx context.Context, engine sheller, container string, shell *sandbox.Shell) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stdin := int(os.Stdin.Fd())
	before, err := term.MakeRaw(stdin)
	if err != nil {
		return 0, fmt.Errorf("make the terminal raw: %w", err)
	}
	defer term.Restore(stdin, before) //nolint:errcheck // nothing can be done about it
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	sizes := make(chan sandbox.Size, 1)
	shell.Sizes = sizes
	go func() {
		for {
			if width, height, err := term.GetSize(stdin); err == nil && width > 0 && height > 0 {
				select {
				case sizes <- sandbox.Size{Rows: uint(height), Columns: uint(width)}:
				case <-ctx.Done():
				}
			}
			select {
			case <-resized:
			case <-ctx.Done():
				return
			}
		}
	}()
	return engine.Shell(ctx, container, shell)
}
