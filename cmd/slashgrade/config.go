package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue/fairqueue"
	"github.com/slashgrade/slashgrade/queue/sqsqueue"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/store/s3store"
)

// Config is everything that can be configured. Each key section.name may stand in slashgrade.toml, in the environment as
// SLASHGRADE_SECTION_NAME, and on the command line as --section.name; the later of these wins. What is not configured is off.
type Config struct {
	Runner  RunnerConfig  `toml:"runner"`
	Engine  EngineConfig  `toml:"engine"`
	Network NetworkConfig `toml:"network"`
	Pool    PoolConfig    `toml:"pool"`
	Fair    FairConfig    `toml:"fair"`
	SQS     SQSConfig     `toml:"sqs"`
	S3      S3Config      `toml:"s3"`
	Log     LogConfig     `toml:"log"`
	Metrics MetricsConfig `toml:"metrics"`
	Debug   DebugConfig   `toml:"debug"`

	// Own stands in the file alone.
	Own OwnPolicy `toml:"-"`
}

// RunnerConfig is about the runner itself.
type RunnerConfig struct {
	Concurrency int           `toml:"concurrency" help:"how many jobs run at once"`
	DataDir     string        `toml:"data_dir" help:"the runner's own folder: its id, and the embedded queue and store"`
	MaxTimeout  time.Duration `toml:"max_timeout" help:"the longest time limit that a job gets; longer ones are lowered to it"`
	Profile     string        `toml:"profile" help:"the policy of containers of images that no [[images]] names: prairielearn, strict or one of [profiles]"`
	Archive     bool          `toml:"archive" help:"keep /grade as the job left it in the store (archive.tar.gz)"`
}

// EngineConfig is about the container engine.
type EngineConfig struct {
	Kind        string        `toml:"kind" help:"what makes containers: docker, oci (an OCI runtime, without an engine between), namespaces (slashgrade itself), or auto (oci where it works)"`
	Host        string        `toml:"host" help:"the Docker engine, for example unix:///var/run/docker.sock; empty follows DOCKER_HOST"`
	Guest       string        `toml:"guest" help:"the folder with slashgrade-guest-linux-*; empty is the one with this program"`
	Pull        string        `toml:"pull" help:"when images are pulled: stale (older than pull_max_age, beside the job), missing or always"`
	PullMaxAge  time.Duration `toml:"pull_max_age" help:"after what time an image that is there is looked for at its registry again"`
	PullTimeout time.Duration `toml:"pull_timeout" help:"how long one pull may take"`
	Runtime     string        `toml:"runtime" help:"the engine's runtime for profiles and images that name none, for example runsc; empty is the engine's own"`
}

// NetworkConfig is about the network of jobs whose question enables it.
type NetworkConfig struct {
	Mode      string `toml:"mode" help:"what such jobs get: guarded (no way to the host and to private networks), open (the engine's bridge) or off"`
	Allow     string `toml:"allow" help:"networks and addresses, separated by commas, that they reach although they are private or the host's"`
	Resolvers string `toml:"resolvers" help:"addresses, separated by commas, that resolve names for them; empty is the host's own"`
}

// PoolConfig is about containers that wait for jobs.
type PoolConfig struct {
	Places int           `toml:"places" help:"how many started containers may wait for jobs; 0 starts one for each job"`
	Memory int           `toml:"memory" help:"MiB that they may hold together; 0 is an eighth of the memory that is free at the start"`
	Idle   time.Duration `toml:"idle" help:"after how long without a job of their kind waiting containers are removed"`
	Warm   string        `toml:"warm" help:"images, separated by commas, of which containers wait before the first job"`
}

// FairConfig is about the order of jobs when more wait than can run.
type FairConfig struct {
	Ahead   int    `toml:"ahead" help:"how many jobs are taken ahead so that courses can take turns; 0 keeps the queue's order"`
	Share   string `toml:"share" help:"what tells courses apart: image, bucket or env:NAME, a variable of the job's environment"`
	Student string `toml:"student" help:"what names the student, whose newest job goes first: env:NAME; empty is nothing"`
	Regrade string `toml:"regrade" help:"what marks jobs that wait for all others where it is not empty: env:NAME; empty is nothing"`
}

// SQSConfig is PrairieLearn's protocol.
type SQSConfig struct {
	JobsQueue         string        `toml:"jobs_queue" help:"the queue that jobs come from, a name or a URL; empty is the embedded queue"`
	ResultsQueue      string        `toml:"results_queue" help:"the queue that answers go to, a name or a URL"`
	DeadLetterQueue   string        `toml:"dead_letter_queue" help:"where unreadable messages go; empty leaves them to the queue's redrive policy"`
	VisibilityTimeout time.Duration `toml:"visibility_timeout" help:"how long a job is ours without a heartbeat"`
	WaitTime          time.Duration `toml:"wait_time" help:"how long one poll for jobs waits"`
	Endpoint          string        `toml:"endpoint" help:"another SQS than AWS's, for example http://127.0.0.1:4566"`
	Region            string        `toml:"region" help:"the queues' region; empty is the AWS configuration's"`
}

// S3Config is where the archives of SQS jobs lie.
type S3Config struct {
	Bucket    string `toml:"bucket" help:"the bucket that enqueue puts archives into; jobs name their own"`
	Endpoint  string `toml:"endpoint" help:"another S3 than AWS's; empty is sqs.endpoint"`
	Region    string `toml:"region" help:"the bucket's region; empty is sqs.region, else the AWS configuration's"`
	PathStyle string `toml:"path_style" help:"whether buckets stand in the path of a URL: auto, always or never"`
}

// LogConfig is about the operator's log on stderr.
type LogConfig struct {
	Level  string `toml:"level" help:"debug, info, warn or error"`
	Format string `toml:"format" help:"text or json; empty is text on a terminal, else json"`
}

// placesPerProcessor is how many containers wait by default: those of the jobs that run next, and of another kind.
const placesPerProcessor = 2

func defaultConfig() *Config {
	return &Config{
		Runner: RunnerConfig{
			Concurrency: runtime.NumCPU(), DataDir: defaultDataDir(), MaxTimeout: jobspec.MaxTimeout,
			Profile: sandbox.PrairieLearn, Archive: true,
		},
		Engine: EngineConfig{
			Kind: engineDocker,
			Pull: string(dockerengine.PullStale), PullMaxAge: dockerengine.DefaultMaxAge, PullTimeout: dockerengine.DefaultPullTimeout,
		},
		Network: NetworkConfig{Mode: string(dockerengine.NetworkGuarded)},
		Pool:    PoolConfig{Places: placesPerProcessor * runtime.NumCPU(), Idle: sandbox.DefaultIdle},
		Fair:    FairConfig{Share: string(fairqueue.ShareByImage)},
		SQS:     SQSConfig{VisibilityTimeout: sqsqueue.DefaultVisibilityTimeout, WaitTime: sqsqueue.DefaultWaitTime},
		S3:      S3Config{Bucket: "grading-dev", PathStyle: string(s3store.PathStyleAuto)},
		Log:     LogConfig{Level: "info"},
	}
}

// defaultDataDir is the user's own, or the system's for root.
func defaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/slashgrade"
	}
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "slashgrade")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "slashgrade-data"
	}
	return filepath.Join(home, ".local", "share", "slashgrade")
}

// usesSQS says which of the two queues is meant.
func (c *Config) usesSQS() bool { return c.SQS.JobsQueue != "" }

// validate refuses what cannot work, all at once and before anything starts.
func (c *Config) validate() error {
	_, policyErr := c.policy()
	_, networkErr := c.Network.options()
	_, levelErr := parseLevel(c.Log.Level)
	return errors.Join(
		check(c.Runner.Concurrency >= 1 && c.Runner.Concurrency <= 1000, "runner.concurrency must be from 1 to 1000, found %d", c.Runner.Concurrency),
		check(c.Runner.DataDir != "", "runner.data_dir must name a folder"),
		check(c.Runner.MaxTimeout > 0, "runner.max_timeout must be above 0, found %s", c.Runner.MaxTimeout),
		policyErr,
		networkErr,
		check(slices.Contains(engineKinds(), c.Engine.Kind), "engine.kind must be one of %s, found %q", strings.Join(engineKinds(), ", "), c.Engine.Kind),
		wrap("engine.pull", dockerengine.PullPolicy{When: dockerengine.PullWhen(c.Engine.Pull)}.Validate()),
		check(c.Engine.PullMaxAge > 0, "engine.pull_max_age must be above 0, found %s", c.Engine.PullMaxAge),
		check(c.Engine.PullTimeout > 0, "engine.pull_timeout must be above 0, found %s", c.Engine.PullTimeout),
		check(c.Pool.Places >= 0 && c.Pool.Places <= 1000, "pool.places must be from 0 to 1000, found %d", c.Pool.Places),
		check(c.Pool.Memory >= 0 && c.Pool.Memory <= 1<<20, "pool.memory must be from 0 to %d (MiB), found %d", 1<<20, c.Pool.Memory),
		check(c.Pool.Idle > 0, "pool.idle must be above 0, found %s", c.Pool.Idle),
		check(c.Fair.Ahead >= 0 && c.Fair.Ahead <= fairqueue.MaxAhead, "fair.ahead must be from 0 to %d, found %d", fairqueue.MaxAhead, c.Fair.Ahead),
		wrap("fair.share", fairqueue.Key(c.Fair.Share).Validate()),
		wrap("fair.student", fairqueue.Key(c.Fair.Student).Validate()),
		wrap("fair.regrade", fairqueue.Key(c.Fair.Regrade).Validate()),
		check(!c.usesSQS() || c.SQS.ResultsQueue != "", "sqs.jobs_queue is set, so sqs.results_queue must be too"),
		check(c.usesSQS() || c.SQS.ResultsQueue == "", "sqs.results_queue is set, so sqs.jobs_queue must be too"),
		wrap("log.level", levelErr),
		wrap("metrics.address", validAddress(c.Metrics.Address)),
		wrap("debug.address", c.Debug.validate()),
		check(c.Log.Format == "" || c.Log.Format == "text" || c.Log.Format == "json", "log.format must be text or json, found %q", c.Log.Format),
	)
}

func check(ok bool, format string, args ...any) error { //nolint:revive // it is an assertion
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func wrap(key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", key, err)
}
