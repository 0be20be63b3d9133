package sandbox

import (
	"context"
	"log/slog"
	"time"
)

// ReapInterval is how often a running runner looks for what killed ones and failed removals have left: as often as a minute's memory of a
// container is worth.
const ReapInterval = time.Minute

// Reaper is an engine that can tell what its process runs from what is left of earlier ones.
type Reaper interface {
	// Reap removes what carries the runner's label and nobody needs: of processes that are gone, and of this one what could not be removed
	// after its job. It returns how many. It may run beside everything else.
	Reap(ctx context.Context, runner string) (int, error)
}

// KeepReaping reaps in every interval until ctx ends. The runner's data directory must be locked: a second process of the same runner
// would lose its containers.
func KeepReaping(ctx context.Context, reaper Reaper, runner string, interval time.Duration, log *slog.Logger) {
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
		removed, err := reaper.Reap(ctx, runner)
		if err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "what earlier jobs left could not be removed; the next look tries again", "err", err)
		}
		if removed > 0 {
			log.InfoContext(ctx, "removed what earlier jobs left", "count", removed)
		}
	}
}
