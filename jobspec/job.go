// Package jobspec is the vocabulary of slashgrade: the words and formats in which a platform, the runner and course staff
// speak of a submission, its job and what came of it.
//
// A platform's door (package queue and its drivers) turns its own message into a [Job]; the runner turns a Job into a [Report];
// the door turns the Report into its own answer. Past the door nothing knows the platform's protocol. The package does no I/O
// beyond fs.FS and io.Writer.
package jobspec

import "time"

// Limits of a job's time.
const (
	// DefaultTimeout applies where info.json or a message gives no timeout: PrairieLearn's default, in its documentation.
	DefaultTimeout = 30 * time.Second
	// MaxTimeout is the longest timeout of a job, unless the operator configures another: PrairieLearn's limit of 10 minutes.
	MaxTimeout = 600 * time.Second
)

// ArchiveName is the file below a job's [Location] in which the platform left /grade: a gzip'd tar.
const ArchiveName = "job.tar.gz"

// The files that slashgrade leaves below a job's [Location].
const (
	// ResultsName holds the Report as indented JSON. It is stored before the job is answered.
	ResultsName = "results.json"
	// OutputName holds the job's log, one JSON object a line; the grader's own lines begin with "container> ".
	OutputName = "output.log"
	// AfterName holds /grade as the job left it, a gzip'd tar.
	AfterName = "archive.tar.gz"
)

// Location is where a job's files lie in a store: for S3 a bucket and a key prefix, for a folder a name below it. Both parts are
// opaque; a store must not let them lead elsewhere.
type Location struct {
	Bucket string
	Root   string
}

// Job is one grading job, whatever door it came through.
type Job struct {
	// ID is the platform's own name of the job. It is opaque, at most MaxIDBytes long, and never part of a path.
	ID string
	// Image is the container image as the platform wrote it, a tag or a digest.
	Image string
	// Entrypoint is the command line; nil is the image's own ENTRYPOINT and CMD.
	Entrypoint []string
	// Timeout is the entrypoint's time limit, above 0 and at most MaxTimeout.
	Timeout time.Duration
	// EnableNetworking gives the container a network.
	EnableNetworking bool
	// Environment is set over the image's; nil removes the variable.
	Environment map[string]*string
	// Files is where ArchiveName lies and where the answer's files go.
	Files Location
	// RequestedAt and SubmittedAt are the platform's two timestamps; zero where nobody gave one.
	RequestedAt, SubmittedAt time.Time
	// ReceivedAt is when a worker took the job.
	ReceivedAt time.Time
	// DeliveryID names this delivery of the job (the SQS MessageId): a second delivery of the same message has the same.
	DeliveryID string
	// Warnings are what is odd about the job but does not stop it, in words for course staff.
	Warnings []string
}
