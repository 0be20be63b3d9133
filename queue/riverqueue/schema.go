package riverqueue

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"

	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

// migrations are our own tables, each entry one version, applied in order and never changed once released. SQLite keeps
// the number of the last one (user_version, which River leaves alone); a migration library would add a dependency and a
// table for the same.
func migrations() []string {
	return []string{
		`CREATE TABLE submission (
			job_id       TEXT PRIMARY KEY,
			delivery_id  TEXT NOT NULL UNIQUE,
			job          TEXT NOT NULL,               -- storedJob as JSON
			submitted_at INTEGER NOT NULL,            -- this and all times: milliseconds since 1970
			deliveries   INTEGER NOT NULL DEFAULT 0,  -- how often a runner took it
			received_at  INTEGER,                     -- the last time
			runner       TEXT,                        -- which one
			report       TEXT,                        -- jobspec.Report as JSON, without graded_at
			graded_at    INTEGER
		) STRICT`,
	}
}

// migrate brings River's tables and ours to this version. The caller holds the lock of Open.
func migrate(ctx context.Context, db *sql.DB, logger *slog.Logger) error {
	migrator, err := rivermigrate.New(riversqlite.New(db), &rivermigrate.Config{Logger: quiet(logger)})
	if err != nil {
		return fmt.Errorf("prepare River's tables: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("prepare River's tables: %w", err)
	}
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("read the version of the tables: %w", err)
	}
	steps := migrations()
	if version > len(steps) {
		return fmt.Errorf("its tables have version %d and this program knows %d: use the newer slashgrade that made it",
			version, len(steps))
	}
	for ; version < len(steps); version++ {
		if err := step(ctx, db, version+1, steps[version]); err != nil {
			return fmt.Errorf("bring the tables to version %d: %w", version+1, err)
		}
	}
	return nil
}

func step(ctx context.Context, db *sql.DB, version int, statement string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing after the commit
	if _, err := tx.ExecContext(ctx, statement); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
		return err
	}
	return tx.Commit()
}
