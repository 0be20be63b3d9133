package awsclient_test

import (
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/internal/awsclient"
)

func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		max       time.Duration
		attempt   int
		low, high time.Duration
	}{
		{20 * time.Second, 1, 500 * time.Millisecond, time.Second},
		{20 * time.Second, 3, 2 * time.Second, 4 * time.Second},
		{20 * time.Second, 6, 10 * time.Second, 20 * time.Second},
		{20 * time.Second, 1_000_000, 10 * time.Second, 20 * time.Second},
		{10 * time.Millisecond, 1, 5 * time.Millisecond, 10 * time.Millisecond},
		{0, 1, 0, time.Nanosecond * 2},
	} {
		backoff := (&awsclient.Options{MaxBackoff: c.max}).Backoff()
		for range 100 {
			got, err := backoff.BackoffDelay(c.attempt, nil)
			if err != nil || got < c.low || got > c.high {
				t.Fatalf("attempt %d of at most %s: got %s (%v), want %s to %s", c.attempt, c.max, got, err, c.low, c.high)
			}
		}
	}
}
