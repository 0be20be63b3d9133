package main

import (
	"bufio"
	"context"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/slashgrade/slashgrade/runner/sandbox"
)

const (
	// poolShare is which part of the free memory waiting containers may hold: jobs need the rest.
	poolShare = 8
	// unknownMemory stands for an eighth of the free memory where the system does not tell it: enough for some small images.
	unknownMemory = 256 << 20
)

// openPool keeps containers waiting until the host closes. A command that grades one job has none: it would start containers for nobody.
func (h *host) openPool(ctx context.Context, engine sandbox.Engine, policy *sandbox.Policy) *sandbox.Pool {
	c := &h.config.Pool
	if c.Places == 0 || !h.lasts {
		return nil
	}
	memory := int64(c.Memory) << 20
	if memory == 0 {
		memory = freeShare("/proc/meminfo")
	}
	pool := sandbox.NewPool(engine, &sandbox.PoolOptions{
		Places: c.Places, MemoryBytes: memory, MaxDemand: h.config.Runner.Concurrency, Idle: c.Idle, Log: h.log,
	})
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { pool.Run(ctx) })
	running.Go(func() { h.warm(ctx, engine, pool, policy) })
	h.onClose(func() error {
		stop()
		running.Wait()
		return nil
	})
	return pool
}

// warm has containers wait before the first job, beside the jobs: an image may have to be pulled.
func (h *host) warm(ctx context.Context, engine sandbox.Engine, pool *sandbox.Pool, policy *sandbox.Policy) {
	for name := range strings.SplitSeq(h.config.Pool.Warm, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		image, err := engine.Image(ctx, name)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			h.log.WarnContext(ctx, "an image could not be warmed; its first job starts cold", "image", name, "err", err)
			continue
		}
		pool.Warm(&sandbox.Spec{Image: image, Profile: policy.For(name), Runner: h.dir.ID, Warmup: true})
	}
}

// freeShare is poolShare of the memory that the kernel says is available, in bytes.
func freeShare(meminfo string) int64 {
	file, err := os.Open(meminfo) //nolint:gosec // the kernel's, or a test's
	if err != nil {
		return unknownMemory
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "MemAvailable:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			if err == nil && kib > 0 {
				return kib << 10 / poolShare
			}
		}
	}
	return unknownMemory
}
