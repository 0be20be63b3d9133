// Package awsclient prepares connections to AWS's services and to what speaks like them: configuration and credentials are
// found the AWS way, a connection on which nothing moves is ended, and tries are few and spread out.
package awsclient

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
)

// standInRegion is used where an endpoint is given and no region: what is not AWS has none, but requests are signed with one.
const standInRegion = "us-east-1"

// keptConnections is how many connections to one host stay open between requests: one for each of as many jobs as a large host runs at
// once. The SDK keeps 10, and makes a new one, with its handshakes, for each request beyond.
const keptConnections = 64

// Options are what the services have in common.
type Options struct {
	// Endpoint is the URL of a service that speaks like AWS's. Empty is AWS's own, or what AWS_ENDPOINT_URL and its kin name.
	Endpoint string
	// Region is the AWS region; empty is the environment's or profile's.
	Region string
	// Stall ends a connection on which no byte moved for so long in the middle of a request.
	Stall time.Duration
	// Attempts is how often one request is tried in all.
	Attempts int
	// MaxBackoff is the longest pause between two tries.
	MaxBackoff time.Duration
	// Load holds more options for the SDK's loading of its configuration: credentials that do not come the AWS way.
	Load []func(*config.LoadOptions) error
}

// Client is a loaded configuration with connections of its own.
type Client struct {
	// Config is for the NewFromConfig of a service's package.
	Config    aws.Config
	transport *http.Transport
}

// New loads the configuration. It connects to nothing but what credentials may come from.
func New(ctx context.Context, o *Options) (*Client, error) {
	if err := checkEndpoint(o.Endpoint); err != nil {
		return nil, err
	}
	load := o.Load
	if o.Region != "" {
		load = append([]func(*config.LoadOptions) error{config.WithRegion(o.Region)}, load...)
	}
	loaded, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	if loaded.Region == "" && o.Endpoint == "" && loaded.BaseEndpoint == nil {
		return nil, errors.New("no AWS region is configured: set one here, in AWS_REGION or in the AWS profile")
	}
	if loaded.Region == "" {
		loaded.Region = standInRegion
	}
	transport := newTransport(loaded.HTTPClient, o.Stall)
	loaded.HTTPClient = &http.Client{Transport: transport, CheckRedirect: stay}
	loaded.Retryer = o.retryer
	return &Client{Config: loaded, transport: transport}, nil
}

// Close closes the connections that nothing uses.
func (c *Client) Close() {
	c.transport.CloseIdleConnections()
}

// Backoff says how long to pause before which try: 1, 2, 4, … seconds, at most MaxBackoff, of which the second half is random so that
// many hosts do not come back at once.
func (o *Options) Backoff() retry.BackoffDelayer {
	return retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
		longest := min(time.Second<<min(max(attempt-1, 0), 16), max(o.MaxBackoff, 2))
		return longest/2 + rand.N(longest/2), nil //nolint:gosec // nothing depends on who can guess a pause
	})
}

func (o *Options) retryer() aws.Retryer {
	return retry.NewStandard(func(r *retry.StandardOptions) {
		r.MaxAttempts = o.Attempts
		r.Backoff = o.Backoff()
	})
}

func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	at, err := url.Parse(endpoint)
	if err != nil || at.Host == "" || (at.Scheme != "http" && at.Scheme != "https") {
		return fmt.Errorf("the AWS endpoint %q is not a URL such as http://127.0.0.1:4566", endpoint)
	}
	return nil
}

// newTransport takes over what the SDK made of its environment (a CA bundle, a proxy). The SDK's own read timeout is not used: it
// counts a long upload as silence.
func newTransport(client aws.HTTPClient, stall time.Duration) *http.Transport {
	buildable, ok := client.(*awshttp.BuildableClient)
	if !ok {
		buildable = awshttp.NewBuildableClient()
	}
	transport := buildable.GetTransport()
	transport.MaxIdleConnsPerHost = keptConnections
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		plain, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &conn{Conn: plain, stall: stall}, nil
	}
	// An idle connection must be gone before its pending read meets the deadline of conn.
	transport.IdleConnTimeout = stall / 2
	return transport
}

// stay follows no redirect: the signature holds for one host only.
func stay(*http.Request, []*http.Request) error {
	return http.ErrUseLastResponse
}
