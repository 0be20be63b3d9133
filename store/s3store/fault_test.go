package s3store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/internal/awstest"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/store"
	"github.com/slashgrade/slashgrade/store/s3store"
)

const faultSize = 300 << 10

// cut passes on the first bytes of LocalStack's answer and then does what the test says with the connection.
type cut struct {
	http.ResponseWriter
	left int
	then func()
}

func (c *cut) Write(p []byte) (int, error) {
	if len(p) <= c.left {
		c.left -= len(p)
		return c.ResponseWriter.Write(p)
	}
	if _, err := c.ResponseWriter.Write(p[:c.left]); err != nil {
		return 0, err
	}
	c.left = 0
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	c.then()
	return len(p), nil
}

func hangUp() { panic(http.ErrAbortHandler) }

// cutGets cuts the first tries of GETs after size bytes of their answer.
func cutGets(tries, size int, then func()) awstest.Fault {
	return func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
		if call.Request.Method == http.MethodGet && call.Nth <= tries {
			w = &cut{ResponseWriter: w, left: size, then: then}
		}
		next.ServeHTTP(w, call.Request)
	}
}

func TestBrokenDownloadIsResumed(t *testing.T) {
	for _, c := range []struct{ tries, size int }{{1, 0}, {1, 1}, {1, faultSize - 1}, {8, 30_000}} {
		t.Run(fmt.Sprintf("%d after %d bytes", c.tries, c.size), func(t *testing.T) {
			b := newBench(t, s3store.Options{})
			content := b.put(t, faultSize)
			b.proxy.Break(cutGets(c.tries, c.size, hangUp))
			got, err := b.read(t.Context())
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("read %d bytes (%v), want the %d stored", len(got), err, len(content))
			}
			if calls := len(b.proxy.Calls()); calls != c.tries+1 {
				t.Errorf("took %d requests, want %d", calls, c.tries+1)
			}
		})
	}
}

func TestDownloadBrokenForGood(t *testing.T) {
	b := newBench(t, s3store.Options{})
	b.put(t, faultSize)
	b.proxy.Break(cutGets(1000, 10, hangUp))
	_, err := b.read(t.Context())
	if err == nil || errors.Is(err, store.ErrNotExist) || !strings.Contains(err.Error(), "broken 9 times") {
		t.Errorf("got %v, want an error that counts", err)
	}
}

func TestStalledDownloadIsResumed(t *testing.T) {
	b := newBench(t, s3store.Options{Stall: 300 * time.Millisecond})
	content := b.put(t, faultSize)
	release := make(chan struct{})
	defer close(release)
	b.proxy.Break(cutGets(1, 1000, func() { <-release }))
	got, err := b.read(t.Context())
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("read %d bytes (%v), want the %d stored", len(got), err, len(content))
	}
}

// A server that stays silent from the start costs one try, and the next gets the answer.
func TestSilentServer(t *testing.T) {
	b := newBench(t, s3store.Options{Stall: 300 * time.Millisecond})
	content := b.put(t, 1000)
	release := make(chan struct{})
	defer close(release)
	b.proxy.Break(func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
		if call.Nth == 1 {
			<-release
			return
		}
		next.ServeHTTP(w, call.Request)
	})
	if got, err := b.read(t.Context()); err != nil || !bytes.Equal(got, content) {
		t.Errorf("read %d bytes (%v), want the %d stored", len(got), err, len(content))
	}
}

// A consumer that takes its time is no stall of the store.
func TestSlowConsumer(t *testing.T) {
	b := newBench(t, s3store.Options{Stall: 200 * time.Millisecond})
	content := b.put(t, 20<<20) // more than the buffers of a connection hold
	b.proxy.Break(nil)
	file, err := b.Open(t.Context(), b.at("job_1"), jobspec.ArchiveName)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	pause := time.NewTimer(time.Second)
	<-pause.C
	got, err := io.ReadAll(file)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("read %d bytes (%v), want the %d stored", len(got), err, len(content))
	}
	if calls := b.proxy.Calls(); len(calls) != 1 {
		t.Errorf("took %d requests, want 1", len(calls))
	}
}

// drip sends a byte now and then: no stall, but a slot held for ever if nothing else ended it.
func TestDrippingServerMeetsTheDeadline(t *testing.T) {
	b := newBench(t, s3store.Options{TransferTimeout: 500 * time.Millisecond})
	b.put(t, faultSize)
	b.proxy.Break(func(w http.ResponseWriter, call *awstest.Call, _ http.Handler) {
		w.Header().Set("Content-Length", "100000")
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for call.Request.Context().Err() == nil {
			_, _ = w.Write([]byte("x"))
			_ = http.NewResponseController(w).Flush()
			<-tick.C
		}
	})
	_, err := b.read(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the transfer took too long") {
		t.Errorf("got %v, want the transfer's deadline", err)
	}
}

// Bytes of two versions must never be mixed.
func TestObjectReplacedInTheMiddle(t *testing.T) {
	b := newBench(t, s3store.Options{})
	b.put(t, faultSize)
	b.proxy.Break(cutGets(1, 1000, func() {
		err := b.Put(context.WithoutCancel(t.Context()), b.at("job_1"), jobspec.ArchiveName, strings.NewReader(strings.Repeat("n", faultSize)))
		if err != nil {
			t.Error(err)
		}
		hangUp()
	}))
	got, err := b.read(t.Context())
	if err == nil || !strings.Contains(err.Error(), "PreconditionFailed") {
		t.Errorf("read %d bytes (%v), want the store's refusal to go on", len(got), err)
	}
}

func TestStoreThatIgnoresRanges(t *testing.T) {
	b := newBench(t, s3store.Options{})
	b.put(t, faultSize)
	b.proxy.Break(func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
		call.Request.Header.Del("Range")
		cutGets(1, 1000, hangUp)(w, call, next)
	})
	if got, err := b.read(t.Context()); err == nil || !strings.Contains(err.Error(), "answered with the range") {
		t.Errorf("read %d bytes (%v), want an error about the range", len(got), err)
	}
}

func TestWrongBytes(t *testing.T) {
	b := newBench(t, s3store.Options{})
	content := b.put(t, faultSize)
	b.proxy.Break(func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, call.Request)
		if answer.Header().Get("X-Amz-Checksum-Crc32") == "" {
			t.Error("LocalStack sent no checksum: this test shows nothing")
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		wrong := bytes.Clone(answer.Body.Bytes())
		wrong[1000] ^= 1
		_, _ = w.Write(wrong)
	})
	if got, err := b.read(t.Context()); err == nil || !strings.Contains(err.Error(), "checksum did not match") {
		t.Errorf("read %d bytes of %d (%v), want an error about the checksum", len(got), len(content), err)
	}
}

// slowDown refuses the first tries of a method as S3 does when it is asked too much.
func slowDown(method string, tries int) awstest.Fault {
	return func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
		if call.Request.Method != method || call.Nth > tries {
			next.ServeHTTP(w, call.Request)
			return
		}
		_, _ = io.Copy(io.Discard, call.Request.Body)
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`)
	}
}

func TestSlowDown(t *testing.T) {
	for _, c := range []struct {
		tries int
		works bool
	}{{1, true}, {5, true}, {6, false}} {
		t.Run(fmt.Sprint(c.tries), func(t *testing.T) {
			b := newBench(t, s3store.Options{})
			content := b.put(t, 1000)
			b.proxy.Break(slowDown(http.MethodGet, c.tries))
			got, err := b.read(t.Context())
			if works := err == nil && bytes.Equal(got, content); works != c.works || errors.Is(err, store.ErrNotExist) {
				t.Errorf("get: read %d bytes (%v), want success: %v", len(got), err, c.works)
			}
			b.proxy.Break(slowDown(http.MethodPut, c.tries))
			err = b.Put(t.Context(), b.at("job_1"), jobspec.ResultsName, strings.NewReader("{}"))
			if (err == nil) != c.works {
				t.Errorf("put: %v, want success: %v", err, c.works)
			}
		})
	}
}

// answerWith gives S3's error in place of every answer.
func answerWith(status int, code string) awstest.Fault {
	return func(w http.ResponseWriter, _ *awstest.Call, _ http.Handler) {
		w.WriteHeader(status)
		if code != "" {
			_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>broken by the test</Message></Error>", code)
		}
	}
}

func TestWhatCountsAsAbsent(t *testing.T) {
	b := newBench(t, s3store.Options{Attempts: 1})
	for _, c := range []struct {
		status int
		code   string
		absent bool
	}{
		{404, "NoSuchKey", true},
		{404, "NoSuchBucket", true},
		{404, "", true},
		{403, "AccessDenied", true},
		{403, "InvalidObjectState", true},
		{400, "InvalidBucketName", true},
		{400, "KeyTooLongError", true},
		{403, "InvalidAccessKeyId", false},
		{403, "SignatureDoesNotMatch", false},
		{403, "RequestTimeTooSkewed", false},
		{400, "ExpiredToken", false},
		{403, "", false},
		{301, "PermanentRedirect", false},
		{500, "InternalError", false},
		{503, "SlowDown", false},
	} {
		b.proxy.Break(answerWith(c.status, c.code))
		_, err := b.read(t.Context())
		if err == nil || errors.Is(err, store.ErrNotExist) != c.absent {
			t.Errorf("%d %s: got %v, want store.ErrNotExist: %v", c.status, c.code, err, c.absent)
		}
	}
	b.proxy.Break(nil)
}

// Each call of an upload in parts fails in turn: the old object stays and no parts are left.
func TestFailedUploadLeavesNoParts(t *testing.T) {
	for fails, name := range []string{"create", "first part", "second part", "complete"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, s3store.Options{})
			old := b.put(t, 1000)
			seen := 0
			b.proxy.Break(func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
				if seen++; seen == fails+1 {
					_, _ = io.Copy(io.Discard, call.Request.Body)
					answerWith(http.StatusForbidden, "AccessDenied")(w, call, next)
					return
				}
				next.ServeHTTP(w, call.Request)
			})
			source := io.LimitReader(zeros{}, 2*s3store.PartSize)
			if err := b.Put(t.Context(), b.at("job_1"), jobspec.ArchiveName, source); err == nil {
				t.Error("put succeeded")
			}
			b.proxy.Break(nil)
			if got, err := b.read(t.Context()); err != nil || !bytes.Equal(got, old) {
				t.Errorf("the old object is gone: %d bytes, %v", len(got), err)
			}
			b.wantNoUploads(t)
		})
	}
}

func TestUploadEndedByItsContextLeavesNoParts(t *testing.T) {
	b := newBench(t, s3store.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.proxy.Break(func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
		if call.Request.URL.Query().Get("partNumber") == "2" {
			cancel()
			hangUp()
		}
		next.ServeHTTP(w, call.Request)
	})
	err := b.Put(ctx, b.at("job_1"), jobspec.ArchiveName, io.LimitReader(zeros{}, 3*s3store.PartSize))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	b.wantNoUploads(t)
}

// A stalled upload ends too, and its second try is whole.
func TestStalledUploadIsTriedAgain(t *testing.T) {
	b := newBench(t, s3store.Options{Stall: 300 * time.Millisecond})
	release := make(chan struct{})
	defer close(release)
	b.proxy.Break(func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
		if call.Request.Method == http.MethodPut && call.Nth == 1 {
			<-release
			return
		}
		next.ServeHTTP(w, call.Request)
	})
	content := b.put(t, 4<<20)
	if got, err := b.read(t.Context()); err != nil || !bytes.Equal(got, content) {
		t.Errorf("read %d bytes (%v), want the %d stored", len(got), err, len(content))
	}
}

func TestCloseInTheMiddle(t *testing.T) {
	b := newBench(t, s3store.Options{})
	b.put(t, faultSize)
	file, err := b.Open(t.Context(), b.at("job_1"), jobspec.ArchiveName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(file, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	b.proxy.Break(nil)
	if err := file.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if n, err := file.Read(make([]byte, 10)); n != 0 || err == nil {
		t.Errorf("read after close: %d bytes, %v", n, err)
	}
	if calls := b.proxy.Calls(); len(calls) > 0 {
		t.Errorf("a closed file was fetched again: %v", calls)
	}
}
