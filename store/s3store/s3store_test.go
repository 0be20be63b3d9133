package s3store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.uber.org/goleak"

	"github.com/slashgrade/slashgrade/internal/awstest"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/store"
	"github.com/slashgrade/slashgrade/store/s3store"
	"github.com/slashgrade/slashgrade/store/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// bench is a store whose way to LocalStack passes a proxy.
type bench struct {
	*s3store.Store
	proxy    *awstest.Proxy
	services *awstest.Services
	bucket   string
}

func newBench(t *testing.T, o s3store.Options) *bench {
	t.Helper()
	proxy := awstest.New(t)
	services := awstest.NewServices(t)
	o.Endpoint = proxy.URL
	o.Load = append(o.Load, awstest.Credentials)
	if o.MaxBackoff == 0 {
		o.MaxBackoff = 20 * time.Millisecond
	}
	files, err := s3store.New(t.Context(), &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(files.Close)
	return &bench{Store: files, proxy: proxy, services: services, bucket: services.Bucket(t)}
}

func (b *bench) at(root string) jobspec.Location {
	return jobspec.Location{Bucket: b.bucket, Root: root}
}

// put stores random content, which does not compress and shows where it was cut, and returns it.
func (b *bench) put(t *testing.T, size int) []byte {
	t.Helper()
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content) // never fails
	if err := b.Put(t.Context(), b.at("job_1"), jobspec.ArchiveName, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	return content
}

func (b *bench) read(ctx context.Context) ([]byte, error) {
	file, err := b.Open(ctx, b.at("job_1"), jobspec.ArchiveName)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(file)
}

func TestStore(t *testing.T) {
	b := newBench(t, s3store.Options{})
	storetest.Run(t, storetest.Harness{
		Open:   func(*testing.T) store.Files { return b },
		Bucket: b.bucket,
	})
}

func TestKeysAndContentTypes(t *testing.T) {
	b := newBench(t, s3store.Options{})
	for _, c := range []struct{ root, name, key, contentType string }{
		{"job_7", jobspec.ResultsName, "job_7/results.json", "application/json"},
		{"job_7", jobspec.OutputName, "job_7/output.log", "text/plain; charset=utf-8"},
		{"job_7", jobspec.AfterName, "job_7/archive.tar.gz", "application/gzip"},
		{"", jobspec.ResultsName, "results.json", "application/json"},
		{"a/", "b", "a//b", "application/octet-stream"},
	} {
		if err := b.Put(t.Context(), b.at(c.root), c.name, strings.NewReader(c.key)); err != nil {
			t.Errorf("put %q: %v", c.key, err)
			continue
		}
		object := b.services.Object(t, b.bucket, c.key)
		body, err := io.ReadAll(object.Body)
		if err != nil || string(body) != c.key || aws.ToString(object.ContentType) != c.contentType {
			t.Errorf("%q holds %q (%v) of type %q, want its key and %q", c.key, body, err, *object.ContentType, c.contentType)
		}
	}
}

func TestPartsOfLargeFiles(t *testing.T) {
	for _, c := range []struct {
		name      string
		size      int
		wantCalls []string
	}{
		{"just below a part", s3store.PartSize - 1, []string{"PUT"}},
		{"one part", s3store.PartSize, []string{"POST", "PUT", "POST"}},
		{"one byte more", s3store.PartSize + 1, []string{"POST", "PUT", "PUT", "POST"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, s3store.Options{})
			b.proxy.Break(nil)
			content := b.put(t, c.size)
			var methods []string
			for _, call := range b.proxy.Calls() {
				method, _, _ := strings.Cut(call, " ")
				methods = append(methods, method)
			}
			if strings.Join(methods, " ") != strings.Join(c.wantCalls, " ") {
				t.Errorf("called %v, want %v", methods, c.wantCalls)
			}
			if got, err := b.read(t.Context()); err != nil || !bytes.Equal(got, content) {
				t.Errorf("read %d bytes (%v), want the %d stored", len(got), err, c.size)
			}
		})
	}
}

// A source that says io.ErrUnexpectedEOF has failed: it must not pass for a short file, nor leave parts behind.
func TestBrokenSourceLeavesNothing(t *testing.T) {
	b := newBench(t, s3store.Options{})
	for _, size := range []int{0, 100, s3store.PartSize + 100} {
		source := io.MultiReader(io.LimitReader(zeros{}, int64(size)), failing{io.ErrUnexpectedEOF})
		err := b.Put(t.Context(), b.at("job_1"), jobspec.AfterName, source)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("after %d bytes: got %v, want the source's error", size, err)
		}
	}
	if _, err := b.Open(t.Context(), b.at("job_1"), jobspec.AfterName); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("something was stored: %v", err)
	}
	b.wantNoUploads(t)
}

func (b *bench) wantNoUploads(t *testing.T) {
	t.Helper()
	list, err := b.services.S3.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &b.bucket})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Uploads) > 0 {
		t.Errorf("%d unfinished uploads were left", len(list.Uploads))
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestBadOptions(t *testing.T) {
	noProfile := func(o *config.LoadOptions) error {
		o.SharedConfigFiles, o.SharedCredentialsFiles = []string{}, []string{}
		return awstest.Credentials(o)
	}
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_ENDPOINT_URL", "")
	for _, c := range []struct {
		name string
		opts s3store.Options
		want string
	}{
		{"endpoint without a scheme", s3store.Options{Endpoint: "localhost:4566"}, "is not a URL such as"},
		{"path style", s3store.Options{Region: "eu-west-1", PathStyle: "yes"}, "not one of auto, always, never"},
		{"no region", s3store.Options{}, "no AWS region is configured"},
	} {
		c.opts.Load = append(c.opts.Load, noProfile)
		if _, err := s3store.New(t.Context(), &c.opts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestNamesThatNoBucketHas(t *testing.T) {
	b := newBench(t, s3store.Options{})
	b.proxy.Break(nil)
	for _, bucket := range []string{"", "a", "../" + b.bucket, b.bucket + "/x", "arn:aws:s3:us-east-1:1:accesspoint/x", "a\nb", "käse-bucket"} {
		at := jobspec.Location{Bucket: bucket, Root: "job_1"}
		if _, err := b.Open(t.Context(), at, jobspec.ArchiveName); !errors.Is(err, store.ErrNotExist) {
			t.Errorf("open in %q: got %v, want store.ErrNotExist", bucket, err)
		}
		if err := b.Put(t.Context(), at, jobspec.ResultsName, strings.NewReader("x")); !errors.Is(err, store.ErrNotExist) {
			t.Errorf("put in %q: got %v, want store.ErrNotExist", bucket, err)
		}
	}
	if calls := b.proxy.Calls(); len(calls) > 0 {
		t.Errorf("S3 was asked: %v", calls)
	}
}

// A place that cannot be is told from one that is closed: the first is the job's mistake for good, the second the operator's for now.
func TestPutWhereNothingCanBe(t *testing.T) {
	b := newBench(t, s3store.Options{})
	for name, c := range map[string]struct {
		at   jobspec.Location
		code string // S3's answer in place of LocalStack's
		want bool
	}{
		"no such bucket":  {jobspec.Location{Bucket: b.bucket + "-none", Root: "job_1"}, "", true},
		"too long a key":  {jobspec.Location{Bucket: b.bucket, Root: strings.Repeat("k", 2000)}, "", true},
		"no right to put": {jobspec.Location{Bucket: b.bucket, Root: "job_1"}, "AccessDenied", false},
	} {
		t.Run(name, func(t *testing.T) {
			b.proxy.Break(func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
				if c.code == "" {
					next.ServeHTTP(w, call.Request)
					return
				}
				http.Error(w, "<Error><Code>"+c.code+"</Code></Error>", http.StatusForbidden)
			})
			err := b.Put(t.Context(), c.at, jobspec.ResultsName, strings.NewReader("x"))
			if err == nil || errors.Is(err, store.ErrNotExist) != c.want {
				t.Errorf("got %v, want store.ErrNotExist: %v", err, c.want)
			}
		})
	}
}
