package localstack_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/slashgrade/slashgrade/internal/awstest"
	"github.com/slashgrade/slashgrade/internal/testenv"
)

// faulty is a stand whose server reaches LocalStack through a proxy. The test's own calls do not.
func faulty(t *testing.T, flags ...string) (*stand, *server, *awstest.Proxy) {
	t.Helper()
	s := newStand(t)
	proxy := awstest.New(t)
	s.endpoint = proxy.URL
	return s, s.serve(t, flags...), proxy
}

// wantOneRun checks that the job was graded and answered once, and never went back to its queue.
func (s *stand) wantOneRun(t *testing.T, srv *server, id string) {
	t.Helper()
	if r := s.answer(t, id); r.Outcome != "graded" {
		t.Errorf("the job is %s: %s", r.Outcome, r.Message)
	}
	if n := srv.logged("job failed on our side"); n > 0 {
		t.Errorf("the job went back to the queue %d times", n)
	}
	s.wantLeft(t, "0")
}

// S3 that is away while results are to be stored: the report waits for it and is not lost.
func TestStoreDownAtUpload(t *testing.T) {
	t.Parallel()
	s, srv, proxy := faulty(t)
	var refused atomic.Int32
	proxy.Break(func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
		if strings.HasSuffix(call.Name, "/results.json") && strings.HasPrefix(call.Name, "PUT") && call.Nth <= 3 {
			refused.Add(1)
			if call.Nth%2 == 0 {
				http.Error(w, "<Error><Code>SlowDown</Code></Error>", http.StatusServiceUnavailable)
				return
			}
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, call.Request)
	})
	s.submit(t, "held", leave)
	s.wantOneRun(t, srv, "held")
	if n := refused.Load(); n != 3 {
		t.Errorf("%d uploads were refused, want 3", n)
	}
	if r := readReport(t, s.stored(t, "held", "results.json")); r.Outcome != "graded" {
		t.Errorf("the stored report is %+v", r)
	}
}

// S3 that stays away: nothing is answered and the job goes back, to be graded when S3 is there again.
func TestStoreDownForLong(t *testing.T) {
	t.Parallel()
	s, srv, proxy := faulty(t)
	proxy.Break(func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
		if strings.HasPrefix(call.Name, "PUT") {
			http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, call.Request)
	})
	s.submit(t, "denied", leave)
	eventually(t, "the job goes back", func() bool { return srv.logged("job failed on our side") > 0 })
	for _, e := range s.receive(t) {
		if e.Event == "grading_result" {
			t.Errorf("the platform was answered: %s", e.Data)
		}
	}
	proxy.Break(nil)
	if r := s.answer(t, "denied"); r.Outcome != "graded" {
		t.Errorf("the job is %s: %s", r.Outcome, r.Message)
	}
	s.wantLeft(t, "0")
}

// SQS that refuses the answer for a while: it is sent again, and the job is not run again.
func TestSendFails(t *testing.T) {
	t.Parallel()
	s, srv, proxy := faulty(t)
	var refused atomic.Int32
	proxy.Break(func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
		if call.Name == "SendMessage" && call.Nth <= 4 {
			refused.Add(1)
			http.Error(w, `{"__type":"InternalError"}`, http.StatusInternalServerError)
			return
		}
		next.ServeHTTP(w, call.Request)
	})
	s.submit(t, "unsent", leave)
	s.wantOneRun(t, srv, "unsent")
	if n := refused.Load(); n != 4 {
		t.Errorf("%d messages were refused, want 4", n)
	}
}

// SQS that is away: the server waits for it, more patiently each time, and goes on when it is there again.
func TestQueueDown(t *testing.T) {
	t.Parallel()
	s, srv, proxy := faulty(t)
	proxy.Break(func(http.ResponseWriter, *awstest.Call, http.Handler) { panic(http.ErrAbortHandler) })
	eventually(t, "the server notices", func() bool { return srv.logged("the queue could not be asked for jobs") >= 2 })
	if calls := len(proxy.Calls()); calls > 20 {
		t.Errorf("the server asked %d times within a few seconds", calls)
	}
	s.submit(t, "waiting", leave) // not before: a poll may still be under way
	proxy.Break(nil)
	s.wantOneRun(t, srv, "waiting")
}

// A connection that is cut in the middle of the archive: the download goes on where it ended, and what arrives is what was stored.
func TestDownloadCut(t *testing.T) {
	t.Parallel()
	s, srv, proxy := faulty(t)
	random := make([]byte, 3<<20)
	_, _ = rand.Read(random)
	sum := sha256.Sum256(random)
	s.upload(t, "cut", pack(t,
		"echo '"+hex.EncodeToString(sum[:])+"  /grade/student/random' | sha256sum -c || exit 1\n"+leave,
		testenv.Entry{Name: "student/random", Content: string(random)}))
	var cuts atomic.Int32
	proxy.Break(func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
		if strings.HasPrefix(call.Name, "GET") && strings.HasSuffix(call.Name, "/job.tar.gz") && call.Nth <= 2 {
			cuts.Add(1)
			w = &cutter{ResponseWriter: w, left: 1 << 20}
		}
		next.ServeHTTP(w, call.Request)
	})
	s.send(t, s.message(t, "cut", nil))
	s.wantOneRun(t, srv, "cut")
	if n := cuts.Load(); n != 2 {
		t.Errorf("the download was cut %d times, want 2", n)
	}
}

// cutter passes so many bytes of an answer on and then cuts the connection.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if c.left < len(p) {
		_, _ = c.ResponseWriter.Write(p[:c.left])
		if flusher, ok := c.ResponseWriter.(http.Flusher); ok {
			flusher.Flush()
		}
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}
