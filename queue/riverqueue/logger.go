package riverqueue

import (
	"context"
	"log/slog"
)

// quiet is a logger for River: what it tells at info and warning is its own housekeeping, and goes to debug.
func quiet(logger *slog.Logger) *slog.Logger {
	return slog.New(quietHandler{logger.Handler()})
}

type quietHandler struct{ next slog.Handler }

// Enabled implements [slog.Handler].
func (h quietHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, quietLevel(level))
}

// Handle implements [slog.Handler].
func (h quietHandler) Handle(ctx context.Context, record slog.Record) error {
	record.Level = quietLevel(record.Level)
	return h.next.Handle(ctx, record)
}

// WithAttrs implements [slog.Handler].
func (h quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quietHandler{h.next.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h quietHandler) WithGroup(name string) slog.Handler {
	return quietHandler{h.next.WithGroup(name)}
}

func quietLevel(level slog.Level) slog.Level {
	if level >= slog.LevelError {
		return level
	}
	return slog.LevelDebug
}
