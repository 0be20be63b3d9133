package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// DebugConfig is about looking into a running serve.
type DebugConfig struct {
	Address string `toml:"address" help:"serve Go's profiles (/debug/pprof/) here, for example 127.0.0.1:6060; :6060 is the loopback too; empty serves none"`
}

func (c *DebugConfig) validate() error {
	return validAddress(c.Address)
}

// validAddress takes one to listen at, and none.
func validAddress(address string) error {
	if address == "" {
		return nil
	}
	_, err := loopbackFor(address)
	return err
}

// headerTimeout ends connections that ask for nothing.
const headerTimeout = 10 * time.Second

// loopbackFor gives an address without a host the loopback's: what is served here has no password.
func loopbackFor(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("it must be an address such as 127.0.0.1:6060, found %q", address)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// serveProfiles listens until the returned function is called.
func serveProfiles(ctx context.Context, address string, log *slog.Logger) (stop func() error, err error) {
	at, stop, err := serveAt(ctx, address, profiles())
	if err != nil {
		return nil, fmt.Errorf("serve profiles (debug.address): %w", err)
	}
	log.InfoContext(ctx, "profiles are served", "url", "http://"+at.String()+"/debug/pprof/")
	if tcp, ok := at.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		log.WarnContext(ctx, "profiles are served beyond this machine: whoever reaches the address sees the runner's memory", "address", at.String())
	}
	return stop, nil
}

// serveAt answers requests until the returned function is called, and says where.
func serveAt(ctx context.Context, address string, handler http.Handler) (at net.Addr, stop func() error, err error) {
	address, err = loopbackFor(address)
	if err != nil {
		return nil, nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	return listener.Addr(), func() error {
		closing := server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return closing
	}, nil
}

func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
