package dockerengine

import (
	"context"
	"fmt"
	"io"

	"github.com/docker/docker/api/types/container"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// Shell runs a program on a terminal in a running container, and returns its exit status when it has ended. It has the container's
// capabilities and limits.
func (e *Engine) Shell(ctx context.Context, name string, shell *sandbox.Shell) (int, error) {
	created, err := e.api.ContainerExecCreate(ctx, name, container.ExecOptions{
		Cmd: shell.Argv, Env: shell.Env, WorkingDir: shell.Dir, User: shell.User,
		Tty: true, AttachStdin: true, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return 0, fmt.Errorf("make a shell in the container: %w", err)
	}
	attached, err := e.api.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{Tty: true})
	if err != nil {
		return 0, fmt.Errorf("attach to the shell in the container: %w", err)
	}
	defer attached.Close()
	stop := context.AfterFunc(ctx, attached.Close)
	defer stop()
	go func() { // it ends with the program's input, or at the latest with the process
		_, _ = io.Copy(attached.Conn, shell.In)
		_ = attached.CloseWrite()
	}()
	resizing, stopResizing := context.WithCancel(ctx)
	defer stopResizing()
	go e.resize(resizing, created.ID, shell.Sizes)
	if _, err := io.Copy(shell.Out, attached.Reader); err != nil && ctx.Err() == nil {
		return 0, fmt.Errorf("read from the shell: %w", err)
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	ended, err := e.api.ContainerExecInspect(ctx, created.ID)
	if err != nil {
		return 0, fmt.Errorf("ask for the shell's exit status: %w", err)
	}
	return ended.ExitCode, nil
}

// resize follows the terminal's size. A failure leaves the old size, which the user sees.
func (e *Engine) resize(ctx context.Context, exec string, sizes <-chan sandbox.Size) {
	for {
		select {
		case size := <-sizes:
			_ = e.api.ContainerExecResize(ctx, exec, container.ResizeOptions{Height: size.Rows, Width: size.Columns})
		case <-ctx.Done():
			return
		}
	}
}
