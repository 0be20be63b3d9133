package dockerengine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/distribution/reference"
	"github.com/docker/cli/cli/config"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/client"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// maxProgress bounds the progress stream of one pull, which the registry and the engine write.
const maxProgress = 64 << 20

// pullOnce pulls the image, together with everybody else who wants it at this time. A failure of the registry is a
// *sandbox.PullError; other errors say that the engine could not be asked.
func (e *Engine) pullOnce(ctx context.Context, name string, ref reference.Named) error {
	done := e.pulls.DoChan(ref.String(), func() (any, error) {
		// The pull goes on when the job that began it is given up: others wait for it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.policy.Timeout)
		defer cancel()
		e.tasks.Go(func() {
			select {
			case <-e.closing:
				cancel()
			case <-ctx.Done():
			}
		})
		return nil, e.pull(ctx, name, ref)
	})
	select {
	case result := <-done:
		return result.Err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (e *Engine) pull(ctx context.Context, name string, ref reference.Named) error {
	e.log.InfoContext(ctx, "pulling image", "image", name)
	progress, err := e.api.ImagePull(ctx, ref.String(), image.PullOptions{RegistryAuth: e.credentials(ref)})
	if err == nil {
		err = followPull(progress)
	}
	if err == nil {
		e.checked.mark(name)
		e.log.InfoContext(ctx, "pulled image", "image", name)
		return nil
	}
	var broken *brokenStreamError
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &sandbox.PullError{Image: name, Err: fmt.Errorf("it took longer than %s", e.policy.Timeout)}
	case client.IsErrConnectionFailed(err), errors.As(err, &broken), ctx.Err() != nil:
		return fmt.Errorf("pull image %s: %w", name, err)
	default:
		return &sandbox.PullError{Image: name, Err: err}
	}
}

// brokenStreamError says that the engine broke off its own account of a pull.
type brokenStreamError struct{ err error }

// Error implements error.
func (b *brokenStreamError) Error() string {
	return "the engine's progress broke off: " + b.err.Error()
}

// Unwrap gives [errors.Is] and [errors.As] the cause.
func (b *brokenStreamError) Unwrap() error { return b.err }

// followPull reads the progress to its end: the engine answers 200 first and tells of a failure inside the stream.
func followPull(progress io.ReadCloser) error {
	defer func() { _ = progress.Close() }()
	messages := json.NewDecoder(io.LimitReader(progress, maxProgress))
	for {
		var message struct {
			Error       string `json:"error"`
			ErrorDetail struct {
				Message string `json:"message"`
			} `json:"errorDetail"`
		}
		err := messages.Decode(&message)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return &brokenStreamError{err: err}
		case message.ErrorDetail.Message != "":
			return errors.New(message.ErrorDetail.Message)
		case message.Error != "":
			return errors.New(message.Error)
		}
	}
}

// credentials are the user's own for the registry, from Docker's config.json and the helpers that it names. Without any the pull is
// anonymous.
func (e *Engine) credentials(ref reference.Named) string {
	file, err := config.Load(os.Getenv(config.EnvOverrideConfigDir)) // "" is the home folder's
	if err != nil {
		e.log.Warn("Docker's config.json cannot be read; images are pulled without credentials", "err", err)
		return ""
	}
	host := reference.Domain(ref)
	if host == "docker.io" {
		host = "https://index.docker.io/v1/" // the key under which `docker login` keeps the default registry
	}
	auth, err := file.GetAuthConfig(host)
	if err != nil {
		e.log.Warn("no credentials for the registry; the image is pulled without", "registry", host, "err", err)
		return ""
	}
	encoded, err := json.Marshal(registry.AuthConfig{ //nolint:gosec // the engine takes the password like this
		Username: auth.Username, Password: auth.Password, Auth: auth.Auth, ServerAddress: auth.ServerAddress,
		IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
	})
	if err != nil {
		return ""
	}
	return base64.URLEncoding.EncodeToString(encoded)
}
