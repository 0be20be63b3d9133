package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"
)

// baseline is what grader hosts do: a container of the engine for each job, its folder mounted, which lies there unpacked before.
type baseline struct {
	api   *client.Client
	image string
}

func newBaseline(image string) (*baseline, error) {
	api, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, err
	}
	return &baseline{api: api, image: image}, nil
}

// folder is /grade of one job.
func gradeFolder() (folder string, remove func(), err error) {
	folder, err = os.MkdirTemp("", "slashgrade-load-grade-")
	return folder, func() { _ = os.RemoveAll(folder) }, err
}

// dockerRun times the client alone.
func (b *baseline) dockerRun(ctx context.Context) (time.Duration, error) {
	folder, remove, err := gradeFolder()
	if err != nil {
		return 0, err
	}
	defer remove()
	begin := time.Now()
	out, err := exec.CommandContext(ctx, "docker", "run", "--rm", "--network", "none", "-v", folder+":/grade", //nolint:gosec // ours
		b.image, "/bin/sh", "-c", script).CombinedOutput()
	took := time.Since(begin)
	if err != nil {
		return 0, fmt.Errorf("docker run: %w: %s", err, out)
	}
	return took, scored(folder)
}

// engineAPI times the calls: look for the image, create, start, wait, read the results, remove.
func (b *baseline) engineAPI(ctx context.Context) (time.Duration, error) {
	folder, remove, err := gradeFolder()
	if err != nil {
		return 0, err
	}
	defer remove()
	begin := time.Now()
	if err := b.calls(ctx, folder); err != nil {
		return 0, fmt.Errorf("engine API: %w", err)
	}
	return time.Since(begin), nil
}

func (b *baseline) calls(ctx context.Context, folder string) (err error) {
	if _, err := b.api.ImageInspect(ctx, b.image); err != nil {
		return err
	}
	created, err := b.api.ContainerCreate(ctx,
		&container.Config{Image: b.image, Entrypoint: []string{"/bin/sh", "-c", script}},
		&container.HostConfig{
			Binds: []string{folder + ":/grade"}, NetworkMode: "none",
			Resources: container.Resources{Memory: 2 << 30, MemorySwap: 2 << 30, NanoCPUs: 900_000_000},
		}, nil, nil, "")
	if err != nil {
		return err
	}
	defer func() {
		removed := b.api.ContainerRemove(context.WithoutCancel(ctx), created.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		if err == nil {
			err = removed
		}
	}()
	ended, failed := b.api.ContainerWait(ctx, created.ID, container.WaitConditionNextExit)
	if err := b.api.ContainerStart(ctx, created.ID, container.StartOptions{}); err != nil {
		return err
	}
	select {
	case <-ended:
	case err := <-failed:
		return err
	}
	return scored(folder)
}

// scored makes sure that the work was done.
func scored(folder string) error {
	text, err := os.ReadFile(filepath.Join(folder, "results", "results.json")) //nolint:gosec // ours
	if err != nil {
		return err
	}
	var results struct{ Score float64 }
	return json.Unmarshal(text, &results)
}

// crowd runs so many jobs by the engine's API, some at once.
func (b *baseline) crowd(ctx context.Context, jobs, atOnce int) (time.Duration, error) {
	begin := time.Now()
	running, ctx := errgroup.WithContext(ctx)
	running.SetLimit(atOnce)
	for range jobs {
		running.Go(func() error {
			_, err := b.engineAPI(ctx)
			return err
		})
	}
	err := running.Wait()
	return time.Since(begin), err
}
