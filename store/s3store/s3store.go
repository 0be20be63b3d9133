// Package s3store keeps the files of jobs in S3, where PrairieLearn puts and looks for them, or in what speaks like S3.
//
// A file's object is the location's bucket and its root, a slash and the name; an empty root is the name alone. Roots are opaque keys:
// ".." or "?" in one mean nothing. Needed rights are s3:GetObject, s3:PutObject and s3:AbortMultipartUpload.
//
// # Failures
//
// A request that S3 refuses for a passing reason (500, 503 SlowDown, a broken or silent connection) is tried again after a pause. A
// download that breaks off is resumed where it broke, on the same version of the object. Objects that are not there or not for us
// give [store.ErrNotExist]; wrong credentials do not, since they are no fault of the job.
package s3store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/slashgrade/slashgrade/internal/awsclient"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/store"
)

// Defaults of Options.
const (
	// DefaultStall is long for a store that lives and short beside a job's visibility timeout of a minute.
	DefaultStall = 30 * time.Second
	// DefaultTransferTimeout lets 500 MB pass at 1 MB/s.
	DefaultTransferTimeout = 10 * time.Minute
	// DefaultAttempts with DefaultMaxBackoff lasts through 15 to 31 s of SlowDown.
	DefaultAttempts = 6
	// DefaultMaxBackoff is the AWS SDK's own.
	DefaultMaxBackoff = 20 * time.Second
)

// PathStyle says whether a bucket's name stands in the path of an object's URL instead of the host's name.
type PathStyle string

// The path styles.
const (
	// PathStyleAuto uses the path where the endpoint is an IP address or a name without a dot, such as localhost: below these no
	// bucket can have a host name. It is the default.
	PathStyleAuto PathStyle = "auto"
	// PathStyleAlways uses the path; most S3 servers of one's own need it.
	PathStyleAlways PathStyle = "always"
	// PathStyleNever uses the host's name, as AWS does.
	PathStyleNever PathStyle = "never"
)

// Options say where S3 is and how long it may take. Every zero value is a default; credentials come the AWS way (environment,
// profile, the machine's role).
type Options struct {
	// Endpoint is the URL of an S3 that is not AWS's. Empty is AWS, or what AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL name.
	Endpoint string
	// Region is the bucket's AWS region; empty is the environment's or profile's, and us-east-1 where an Endpoint is given.
	Region string
	// PathStyle is PathStyleAuto if empty.
	PathStyle PathStyle
	// Stall ends a request on whose connection no byte moved for so long; it is then tried again.
	Stall time.Duration
	// TransferTimeout is how long one file may take to read or to store, tries and pauses included.
	TransferTimeout time.Duration
	// Attempts is how often one request is tried in all.
	Attempts int
	// MaxBackoff is the longest pause between two tries; pauses grow from a second and are random.
	MaxBackoff time.Duration
	// Load holds more options for the AWS SDK's loading of its configuration.
	Load []func(*config.LoadOptions) error
}

// Store is a store.Files. It is safe for concurrent use; each running Put holds PartSize bytes.
type Store struct {
	client          *s3.Client
	connections     *awsclient.Client
	backoff         retry.BackoffDelayer
	transferTimeout time.Duration
	parts           sync.Pool // of *[]byte, PartSize long
}

// New prepares a store. It asks nothing of S3, so a wrong endpoint or missing right is seen by the first Open or Put.
func New(ctx context.Context, opts *Options) (*Store, error) {
	o := opts.withDefaults()
	switch o.PathStyle {
	case PathStyleAuto, PathStyleAlways, PathStyleNever:
	default:
		return nil, fmt.Errorf("the S3 path style %q is not one of auto, always, never", o.PathStyle)
	}
	common := &awsclient.Options{
		Endpoint: o.Endpoint, Region: o.Region, Stall: o.Stall,
		Attempts: o.Attempts, MaxBackoff: o.MaxBackoff, Load: o.Load,
	}
	connections, err := awsclient.New(ctx, common)
	if err != nil {
		return nil, fmt.Errorf("connect to S3: %w", err)
	}
	return &Store{
		client:          s3.NewFromConfig(connections.Config, o.service),
		connections:     connections,
		backoff:         common.Backoff(),
		transferTimeout: o.TransferTimeout,
		parts:           sync.Pool{New: newPart},
	}, nil
}

// Close closes idle connections. The store stays usable.
func (s *Store) Close() {
	s.connections.Close()
}

func (o *Options) withDefaults() Options {
	var r Options
	if o != nil {
		r = *o
	}
	if r.PathStyle == "" {
		r.PathStyle = PathStyleAuto
	}
	if r.Stall <= 0 {
		r.Stall = DefaultStall
	}
	if r.TransferTimeout <= 0 {
		r.TransferTimeout = DefaultTransferTimeout
	}
	if r.Attempts <= 0 {
		r.Attempts = DefaultAttempts
	}
	if r.MaxBackoff <= 0 {
		r.MaxBackoff = DefaultMaxBackoff
	}
	return r
}

// service runs after the SDK has looked for endpoints in its environment.
func (o *Options) service(to *s3.Options) {
	if o.Endpoint != "" {
		to.BaseEndpoint = &o.Endpoint
	}
	to.UsePathStyle = o.PathStyle == PathStyleAlways || o.PathStyle == PathStyleAuto && pathOnly(aws.ToString(to.BaseEndpoint))
	// Objects stored before S3 kept checksums, and parts of objects, have none; a warning for each would be noise.
	to.DisableLogOutputChecksumValidationSkipped = true
}

// pathOnly says whether the endpoint's host cannot have buckets below it.
func pathOnly(endpoint string) bool {
	at, err := url.Parse(endpoint)
	if err != nil || at.Host == "" {
		return false
	}
	host := at.Hostname()
	return net.ParseIP(host) != nil || !strings.Contains(host, ".")
}

// bucketName is what S3 takes as the name of a bucket, old ones of us-east-1 included; ARNs, which lead to other hosts, are not.
var bucketName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{2,254}$`)

// place is an object.
type place struct {
	bucket, key string
}

// String quotes, since both parts come from outside.
func (p place) String() string {
	return fmt.Sprintf("%q", "s3://"+p.bucket+"/"+p.key)
}

var errBucketName = errors.New("S3 has no buckets of such a name")

func locate(at jobspec.Location, name string) (place, error) {
	p := place{bucket: at.Bucket, key: name}
	if at.Root != "" {
		p.key = at.Root + "/" + name
	}
	if !bucketName.MatchString(at.Bucket) {
		return p, errBucketName
	}
	return p, nil
}

var _ store.Files = (*Store)(nil)
