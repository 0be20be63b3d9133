package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// heartbeatBucket begins the lines of the histogram that serve keeps of its heartbeats' ages.
const heartbeatBucket = `slashgrade_heartbeat_age_seconds_bucket{le="`

// maxFigures bounds what is read of a serve's figures.
const maxFigures = 4 << 20

// heartbeatAge asks the serve for its figures and returns the bound below which 95 of 100 heartbeats' ages were.
func (s *server) heartbeatAge(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.figures, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxFigures))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return "", err
	}
	bound, count, err := quantile(string(text), 0.95)
	switch {
	case err != nil:
		return "", err
	case count == 0:
		return "–", nil
	case math.IsInf(bound, 1):
		return "above the visibility timeout", nil
	}
	return fmt.Sprintf("≤ %.2f (of %d)", bound, count), nil
}

// quantile is the least bound of a bucket under which the share of all lies, and how many there are in all.
func quantile(text string, share float64) (bound float64, count int, err error) {
	var bounds []float64
	var counts []int
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, heartbeatBucket)
		if !ok {
			continue
		}
		le, number, _ := strings.Cut(strings.TrimSpace(rest), `"} `)
		bound, boundErr := strconv.ParseFloat(le, 64)
		count, countErr := strconv.Atoi(number)
		if err := errors.Join(boundErr, countErr); err != nil {
			return 0, 0, fmt.Errorf("the line %q of the figures: %w", line, err)
		}
		bounds, counts = append(bounds, bound), append(counts, count)
	}
	if len(counts) == 0 {
		return 0, 0, errors.New("the figures tell nothing of heartbeats")
	}
	count = counts[len(counts)-1]
	for i := range counts {
		if float64(counts[i]) >= share*float64(count) {
			return bounds[i], count, nil
		}
	}
	return math.Inf(1), count, nil
}
