// Package awstest gives tests a real LocalStack behind a proxy that records every call and breaks those that a test names, and
// queues and buckets of their own that vanish with the test.
package awstest

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/slashgrade/slashgrade/internal/testenv"
)

// Call is one request that reached the proxy, tries of the SDK counted singly.
type Call struct {
	// Name is the operation of SQS ("SendMessage"), for S3 method and path ("PUT /bucket/key").
	Name string
	// Request is the request as it came; its body may be used up.
	Request *http.Request
	// Nth counts the calls of this name, from 1.
	Nth int
}

// Fault answers a call in LocalStack's place, or passes it on to next after all. It may write half an answer and panic with
// http.ErrAbortHandler to cut the connection.
type Fault func(w http.ResponseWriter, call *Call, next http.Handler)

// Proxy stands in front of LocalStack.
type Proxy struct {
	// URL is the endpoint for clients.
	URL string

	target http.Handler
	mu     sync.Mutex // guards the fields below
	fault  Fault
	calls  []string
	opened int
}

// New starts a proxy that the end of the test stops. The test is skipped, in CI failed, where LocalStack is missing.
func New(tb testing.TB) *Proxy {
	tb.Helper()
	endpoint, err := url.Parse(testenv.NeedsLocalStack(tb))
	if err != nil {
		tb.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	p := &Proxy{target: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(endpoint)
			r.Out.Host = r.In.Host
		},
		Transport:    transport,
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}}
	server := httptest.NewUnstartedServer(p)
	server.Config.ConnState = p.countOpened
	server.Start()
	p.URL = server.URL
	tb.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		transport.CloseIdleConnections()
	})
	return p
}

func (p *Proxy) countOpened(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.opened++
	}
}

// Opened is how many connections clients have opened so far.
func (p *Proxy) Opened() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened
}

// ServeHTTP records the call and passes it on, unless a fault takes it.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := callName(r)
	p.mu.Lock()
	p.calls = append(p.calls, name)
	call := &Call{Name: name, Request: r, Nth: count(p.calls, name)}
	fault := p.fault
	p.mu.Unlock()
	if fault != nil {
		fault(w, call, p.target)
		return
	}
	p.target.ServeHTTP(w, r)
}

// Break puts a fault in front of every later call and forgets the calls so far; nil mends the proxy.
func (p *Proxy) Break(fault Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.calls = fault, nil
}

// Calls returns the names of the calls since the last Break, in the order in which they came.
func (p *Proxy) Calls() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.calls...)
}

// FailCalls is a fault that answers every call of the name with an error of the service that the SDK does not try again.
func FailCalls(name string) Fault {
	return func(w http.ResponseWriter, call *Call, next http.Handler) {
		if call.Name == name {
			http.Error(w, `{"__type":"com.amazonaws.sqs#OverLimit","message":"broken by the test"}`, http.StatusBadRequest)
			return
		}
		next.ServeHTTP(w, call.Request)
	}
}

// Credentials are for the SDK's loading of its configuration; LocalStack takes any.
func Credentials(o *config.LoadOptions) error {
	return config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("test", "test", ""))(o)
}

func callName(r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target[strings.LastIndex(target, ".")+1:]
	}
	return r.Method + " " + r.URL.EscapedPath()
}

func count(names []string, name string) int {
	n := 0
	for _, other := range names {
		if other == name {
			n++
		}
	}
	return n
}
