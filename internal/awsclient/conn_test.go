package awsclient

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

const stall = 10 * time.Second

// A long upload and a long download are no silence, and neither is an answer that comes just in time after either. The read that
// net/http always has pending must not end it.
func TestConnOutlastsSlowPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := &conn{Conn: near, stall: stall}
		answer := make(chan error, 1)
		go func() {
			_, err := io.ReadFull(c, make([]byte, 5))
			answer <- err
		}()
		go func() {
			chunk := make([]byte, 1)
			time.Sleep(stall / 2)
			for range 5 {
				time.Sleep(stall - time.Second)
				_, _ = far.Read(chunk)
			}
			for range 5 {
				time.Sleep(stall - time.Second)
				_, _ = far.Write(chunk)
			}
		}()
		time.Sleep(stall / 2) // an idle connection: the pending read's deadline is nearer than the write's end
		for range 5 {
			if _, err := c.Write([]byte("x")); err != nil {
				t.Errorf("write: %v", err)
			}
		}
		if err := <-answer; err != nil {
			t.Errorf("read: %v", err)
		}
	})
}

func TestConnEndsSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer func() { _ = far.Close() }()
		c := &conn{Conn: near, stall: stall}
		for name, do := range map[string]func([]byte) (int, error){"read": c.Read, "write": c.Write} {
			start := time.Now()
			_, err := do([]byte("x"))
			if took := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || took != stall {
				t.Errorf("%s: got %v after %s, want a deadline after %s", name, err, took, stall)
			}
		}
	})
}
