package dockerengine

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/volume"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// GuestFiles finds the guest program for an architecture and remembers in which volume of the engine it is.
type GuestFiles struct {
	files fs.FS

	mu      sync.Mutex
	volumes map[string]string // architecture → volume that is filled
}

// NewGuestFiles looks for guests in files, by the name slashgrade-guest-linux-ARCH.
func NewGuestFiles(files fs.FS) *GuestFiles {
	return &GuestFiles{files: files, volumes: map[string]string{}}
}

// Program returns the guest for an architecture, as Go names it.
func (g *GuestFiles) Program(arch string) ([]byte, error) {
	name := "slashgrade-guest-linux-" + arch
	program, err := fs.ReadFile(g.files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s beside the program; `make build` makes it", name)
	}
	if err != nil {
		return nil, fmt.Errorf("read the guest: %w", err)
	}
	return program, nil
}

// guestVolume returns the volume with the guest for the image's architecture. The first call for an architecture makes sure that the
// engine has it, whole: a predecessor may have been killed while it was filled.
func (e *Engine) guestVolume(ctx context.Context, spec *sandbox.Spec) (string, error) {
	g := e.guests
	g.mu.Lock()
	defer g.mu.Unlock()
	if name, ok := g.volumes[spec.Image.Arch]; ok {
		return name, nil
	}
	program, err := g.Program(spec.Image.Arch)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(program)
	name := "slashgrade-guest-" + hex.EncodeToString(sum[:8])
	if err := e.fillVolume(ctx, name, program, spec); err != nil {
		return "", fmt.Errorf("bring the guest into the engine: %w", err)
	}
	g.volumes[spec.Image.Arch] = name
	return name, nil
}

// forgetGuests makes the next start look at the volumes again.
func (e *Engine) forgetGuests() {
	e.guests.mu.Lock()
	defer e.guests.mu.Unlock()
	clear(e.guests.volumes)
}

// fillVolume copies the program into the volume by way of a container that is created for it and never started.
func (e *Engine) fillVolume(ctx context.Context, name string, program []byte, spec *sandbox.Spec) error {
	if _, err := e.api.VolumeCreate(ctx, volume.CreateOptions{Name: name}); err != nil {
		return fmt.Errorf("create volume %s: %w", name, err)
	}
	id, err := e.create(ctx,
		&container.Config{
			Image: spec.Image.ID, Entrypoint: []string{guest.Program}, Cmd: []string{},
			Labels: map[string]string{LabelRunner: spec.Runner},
		},
		&container.HostConfig{NetworkMode: "none", LogConfig: container.LogConfig{Type: "none"}, Mounts: []mount.Mount{{
			Type: mount.TypeVolume, Source: name, Target: guest.Path,
			VolumeOptions: &mount.VolumeOptions{NoCopy: true},
		}}})
	if err != nil {
		return fmt.Errorf("create a container to fill volume %s: %w", name, err)
	}
	carrier := &Container{api: e.api, id: id}
	defer e.tasks.Go(func() { _ = carrier.Remove(context.WithoutCancel(ctx)) }) // no job waits for that
	if e.isWhole(ctx, carrier.id, program) {
		return nil
	}
	if err := e.api.CopyToContainer(ctx, carrier.id, guest.Path, tarOf(program), container.CopyToContainerOptions{}); err != nil {
		return fmt.Errorf("fill volume %s: %w", name, err)
	}
	if !e.holds(ctx, carrier.id, program) {
		return fmt.Errorf("volume %s does not hold what was copied into it", name)
	}
	return nil
}

// isWhole says whether the container's volume has the program as a fill leaves it: the engine sets the time of a file when all of it is
// there, and whoever writes to it changes that. It takes a tenth of the time that reading it back does, which every new process would pay.
func (e *Engine) isWhole(ctx context.Context, id string, program []byte) bool {
	found, err := e.api.ContainerStatPath(ctx, id, guest.Program)
	return err == nil && found.Size == int64(len(program)) && found.Mode == guestMode && found.Mtime.Equal(filledAt())
}

// filledAt is the time that the guest's file gets. None that is written gets it.
func filledAt() time.Time { return time.Unix(0, 0) }

// holds says whether the container's volume has exactly this program.
func (e *Engine) holds(ctx context.Context, id string, program []byte) bool {
	content, _, err := e.api.CopyFromContainer(ctx, id, guest.Program)
	if err != nil {
		return false
	}
	defer func() { _ = content.Close() }()
	entries := tar.NewReader(content)
	if header, err := entries.Next(); err != nil || header.FileInfo().Mode() != guestMode {
		return false
	}
	found, err := io.ReadAll(io.LimitReader(entries, int64(len(program))+1))
	return err == nil && bytes.Equal(found, program)
}

// guestMode lets every user read and execute the guest.
const guestMode = 0o555

func tarOf(program []byte) io.Reader {
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	// Writing to a buffer cannot fail.
	_ = archive.WriteHeader(&tar.Header{
		Name: path.Base(guest.Program), Mode: guestMode, Size: int64(len(program)), ModTime: filledAt(),
	})
	_, _ = archive.Write(program)
	_ = archive.Close()
	return &buffer
}

// emptyVolumes lists which of an image's VOLUME paths are empty in it: those are put into memory. What an image brings in a volume
// is copied by the engine to one on disk, which the guest watches as it does the container's root.
func (e *Engine) emptyVolumes(ctx context.Context, imageID string, volumes map[string]struct{}) ([]string, error) {
	if len(volumes) == 0 {
		return nil, nil
	}
	id, err := e.create(ctx, &container.Config{
		Image: imageID, Entrypoint: []string{guest.Program}, Cmd: []string{}, Labels: map[string]string{LabelProbe: "volumes"},
	}, &container.HostConfig{NetworkMode: "none", LogConfig: container.LogConfig{Type: "none"}})
	if err != nil {
		return nil, fmt.Errorf("look into the image's volumes: %w", err)
	}
	probe := &Container{api: e.api, id: id}
	defer func() { _ = probe.Remove(context.WithoutCancel(ctx)) }()
	var empty []string
	for folder := range volumes {
		isEmpty, err := e.isEmpty(ctx, probe.id, folder)
		if err != nil {
			return nil, err
		}
		if isEmpty {
			empty = append(empty, path.Clean(folder))
		}
	}
	return empty, nil
}

func (e *Engine) isEmpty(ctx context.Context, id, folder string) (bool, error) {
	content, _, err := e.api.CopyFromContainer(ctx, id, folder)
	if errdefs.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look into volume %s of the image: %w", folder, err)
	}
	defer func() { _ = content.Close() }()
	entries := tar.NewReader(content)
	if _, err := entries.Next(); err != nil { // the folder itself
		return true, nil // not even that
	}
	_, err = entries.Next()
	return err != nil, nil
}
