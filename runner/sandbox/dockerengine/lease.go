package dockerengine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// LabelLease marks containers that keep an image's layers for the runner that it names, and are never started.
const LabelLease = "org.slashgrade.lease"

// layersDriver is the storage driver that unpacks each layer of an image into a folder.
const layersDriver = "overlay2"

// LocalLayers says why images do not lie in folders on this machine, as Lease would name them; nil is that they do.
func (e *Engine) LocalLayers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	info, err := e.api.Info(ctx)
	if err != nil {
		return fmt.Errorf("ask the Docker engine for its storage: %w", err)
	}
	if info.Driver != layersDriver {
		return fmt.Errorf("the Docker engine stores images by %s, not by %s", info.Driver, layersDriver)
	}
	if way := remapping(security(&info)); way != RemapNone {
		// The files belong to the remapped users, and a container beside the engine would run without the isolation that the operator chose.
		return fmt.Errorf("the Docker engine remaps users (%s), and a container beside it would not", way)
	}
	if _, err := os.Stat(filepath.Join(info.DockerRootDir, layersDriver)); err != nil {
		return fmt.Errorf("the Docker engine's images are not on this machine, or not to be read: %w", err)
	}
	return nil
}

// Lease keeps an image's files on the engine's disk by a container that is created and never started. It returns the container's id, and
// the folders that the engine has unpacked the image into, the topmost first, as overlay takes them: none where the engine keeps them
// in another way. They are on the engine's machine.
func (e *Engine) Lease(ctx context.Context, image *sandbox.Image, runner string) (id string, layers []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	id, err = e.create(ctx, &container.Config{
		Image: image.ID, Entrypoint: []string{guest.Program}, Cmd: []string{}, Labels: map[string]string{LabelLease: runner},
	}, &container.HostConfig{NetworkMode: "none", LogConfig: container.LogConfig{Type: "none"}})
	if err != nil {
		return "", nil, fmt.Errorf("keep the layers of image %s: %w", image.Name, err)
	}
	found, err := e.api.ContainerInspect(ctx, id)
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("find the layers of image %s: %w", image.Name, err), e.Release(ctx, id))
	}
	if found.ContainerJSONBase != nil && found.GraphDriver.Name == layersDriver {
		layers = strings.Split(found.GraphDriver.Data["LowerDir"], ":")
	}
	return id, layers, nil
}

// Release gives a lease up. One that is gone is no error.
func (e *Engine) Release(ctx context.Context, id string) error {
	return (&Container{api: e.api, id: id}).Remove(ctx)
}

// removeLeases gives up what an earlier process of the runner held.
func (e *Engine) removeLeases(ctx context.Context, runner string) error {
	list, err := e.labelled(ctx, LabelLease+"="+runner)
	for i := range list {
		err = errors.Join(err, e.Release(ctx, list[i].ID))
	}
	return err
}
