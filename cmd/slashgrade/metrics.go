package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
)

// MetricsConfig is about figures for monitoring.
type MetricsConfig struct {
	Address string `toml:"address" help:"serve figures in Prometheus's format (/metrics) here, for example 127.0.0.1:9464; :9464 is the loopback too; empty serves none"`
}

// The figures' names.
const (
	metricAnswered  = "slashgrade_jobs_answered_total"
	metricHeartbeat = "slashgrade_heartbeat_age_seconds"
	metricOldest    = "slashgrade_heartbeat_oldest_seconds"
	metricLease     = "slashgrade_lease_seconds"
)

// metrics are the figures of one runner.
type metrics struct {
	registry  *prometheus.Registry
	answered  *prometheus.CounterVec
	heartbeat prometheus.Histogram
}

// newMetrics are those of a runner whose messages have the lease; 0 is none.
func newMetrics(lease time.Duration) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		answered: prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricAnswered, Help: "Jobs that were answered, by outcome."}, []string{"outcome"}),
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), m.answered)
	if lease <= 0 {
		return m
	}
	m.heartbeat = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: metricHeartbeat, Help: "How old a job's last heartbeat was when the next was heard, or the job was over.", Buckets: leaseBuckets(lease),
	})
	bound := prometheus.NewGauge(prometheus.GaugeOpts{Name: metricLease, Help: "How old a heartbeat may become before another runner may have the job."})
	bound.Set(lease.Seconds())
	m.registry.MustRegister(m.heartbeat, bound)
	return m
}

// leaseBuckets are parts of a lease: what counts is how much of it was left.
func leaseBuckets(lease time.Duration) []float64 {
	var buckets []float64
	for _, share := range []float64{1. / 64, 1. / 32, 1. / 16, 1. / 8, 1. / 4, 3. / 8, 1. / 2, 5. / 8, 3. / 4, 7. / 8, 1} {
		buckets = append(buckets, share*lease.Seconds())
	}
	return buckets
}

// watch has the worker tell.
func (m *metrics) watch(opts *queue.WorkerOptions) {
	opts.Answered = func(report *jobspec.Report) { m.answered.WithLabelValues(string(report.Outcome)).Inc() }
	if m.heartbeat != nil {
		opts.HeartbeatAge = func(age time.Duration) { m.heartbeat.Observe(age.Seconds()) }
	}
}

// serve answers with the worker's figures until the returned function is called.
func (m *metrics) serve(ctx context.Context, address string, worker *queue.Worker) (at string, stop func() error, err error) {
	if m.heartbeat != nil {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: metricOldest, Help: "How old the oldest of the running jobs' last heartbeats is now; 0 without jobs.",
		}, func() float64 { return worker.OldestHeartbeat().Seconds() }))
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	bound, stop, err := serveAt(ctx, address, mux)
	if err != nil {
		return "", nil, fmt.Errorf("serve figures (metrics.address): %w", err)
	}
	return "http://" + bound.String() + "/metrics", stop, nil
}
