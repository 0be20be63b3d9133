// Package riverqueue is the embedded queue: River on a SQLite file, for one machine, without a server.
//
// A [Queue] is a handle on the file. The platform's side uses [Queue.Insert] and [Queue.Wait], the runner's side
// [Queue.Driver]; both may be in one process or in several that have the file open at the same time.
//
// # Delivery
//
// A submission and its River job are inserted in one transaction, and the report is stored and the job completed in
// one: nothing that was accepted is lost, and nothing is answered twice. A job is delivered again only if it was
// released or if its runner ended without an answer. Both transactions wait for the disk, so this holds through a power
// cut too. Whatever else is written (that a job was taken, when it was graded) may be lost in one, and is harmless to
// lose: it is on the disk with the next of the two.
//
// # River
//
// River pushes jobs to workers and has no lease. Here a worker is a goroutine that offers its job to [Driver.Receive]
// and then holds it until [Driver.Complete] or [Driver.Release] says how it ends, however long that takes: River's
// timeout is off, and with it the rescue of jobs that run long. What a killed runner left behind is recognised by the
// runner's id when a driver with the same id starts; only one process with an id may run at a time, which the caller's
// lock on its data directory ensures. An attempt never fails in River's eyes, so its retries and their limit play no
// part.
package riverqueue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/slashgrade/slashgrade/jobspec"
)

var (
	// ErrNotFound is wrapped where no submission has the job id.
	ErrNotFound = errors.New("no submission has this job id")
	// ErrDuplicate is wrapped by Insert where a submission has the job's id already.
	ErrDuplicate = errors.New("a submission with this job id exists already")
)

const (
	// busyTimeout is how long a statement waits for another process's write. Writes take milliseconds; a checkpoint of
	// a large log on a slow disk takes longer.
	busyTimeout = 10 * time.Second
	// kind is the name of our jobs in River's table.
	kind = "slashgrade_grade"
	// maxAttempts is above what a row can reach: a job is never given up by River, which counts an attempt for each
	// delivery that ended with its process.
	maxAttempts = 30_000
)

// Options are what a queue may be told. The zero value and nil are good.
type Options struct {
	// Logger takes the queue's own messages, and River's: its errors as they are, everything else at debug. Nil discards all.
	Logger *slog.Logger
}

// Queue is a handle on the SQLite file of an embedded queue. It is safe for concurrent use.
type Queue struct {
	path    string // absolute
	db      *sql.DB
	inserts *river.Client[*sql.Tx]
	news    *os.File // tells of inserts
	logger  *slog.Logger

	mu      sync.Mutex
	drivers map[string]*Driver // by runner id; nil while one starts
}

// args is what River keeps of a job; everything else is in the submission's row.
type args struct {
	JobID string `json:"job_id"`
}

// Kind implements [river.JobArgs].
func (args) Kind() string { return kind }

// NewID makes an id for a new job: a version 7 UUID, whose text sorts by time. The caller derives the job's location from it.
func NewID() string {
	return uuid.Must(uuid.NewV7()).String() // fails only without a source of randomness, as does everything else
}

// Open opens the queue's file, makes it (mode 0600, its folder 0700) if it is not there, and brings its tables to this
// version. Beside the file lie SQLite's own (-wal, -shm), a lock (.lock) that is held while tables change, and a file (-news) by
// which drivers hear of inserts; all must be on a local file system. Open fails if the file is not a queue, was made by a newer version, or cannot be
// locked before ctx ends. The caller calls Close.
func Open(ctx context.Context, path string, opts *Options) (*Queue, error) {
	logger := slog.New(slog.DiscardHandler)
	if opts != nil && opts.Logger != nil {
		logger = opts.Logger
	}
	q := &Queue{logger: logger, drivers: map[string]*Driver{}}
	var err error
	if q.path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("open the queue %s: %w", path, err)
	}
	if q.db, err = openDatabase(ctx, q.path, logger); err != nil {
		return nil, fmt.Errorf("open the queue %s: %w", path, err)
	}
	if q.news, err = openNews(q.path); err != nil {
		return nil, errors.Join(fmt.Errorf("open the queue %s: %w", path, err), q.db.Close())
	}
	q.inserts, err = river.NewClient(q.driver(), &river.Config{Logger: quiet(logger)})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the queue %s: %w", path, err), q.db.Close(), q.news.Close())
	}
	return q, nil
}

// driver is River's way to the file.
func (q *Queue) driver() *watchingDriver {
	return &watchingDriver{Driver: riversqlite.New(q.db), path: q.path, logger: q.logger}
}

// openDatabase opens and migrates the file under a lock of its own: SQLite's busy timeout covers neither the switch to
// WAL nor two migrations at once.
func openDatabase(ctx context.Context, path string, logger *slog.Logger) (db *sql.DB, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	unlock, err := lockFile(ctx, path+".lock")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := touch(path); err != nil {
		return nil, err
	}
	db, err = openKeeping(dataSource(path))
	if err != nil {
		return nil, err
	}
	// SQLite has one writer. One connection lets our goroutines queue in the order they come, where several would wake
	// each other by timeouts.
	db.SetMaxOpenConns(1)
	if err := migrate(ctx, db, logger); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// touch makes the file with our mode: SQLite would take the umask's, and it gives its -wal and -shm the mode of the file.
func touch(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the queue's file
	if err != nil {
		return err
	}
	return file.Close()
}

// dataSource names the file and how to open it. Transactions take the write lock at once: one that reads first and then finds
// another writer ahead fails without waiting.
func dataSource(path string) string {
	query := url.Values{
		"_busy_timeout": {fmt.Sprint(busyTimeout.Milliseconds())},
		"_journal_mode": {"WAL"},
		"_synchronous":  {lazily},
		"_txlock":       {"immediate"},
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String()
}

// Close stops drivers that still run, as [Driver.Close] does, and closes the file.
func (q *Queue) Close() error {
	var errs []error
	for _, driver := range q.running() {
		errs = append(errs, driver.Close())
	}
	return errors.Join(append(errs, q.db.Close(), q.news.Close())...)
}

// Insert puts the job on the queue and returns its id: the job's own, or a new one where that is empty. Once Insert has
// returned nil the job is on the disk. SubmittedAt, ReceivedAt and DeliveryID are the queue's to give: what stands in
// them is not used. It fails with ErrDuplicate if the id was used before, and if a text of the job is not UTF-8.
func (q *Queue) Insert(ctx context.Context, job *jobspec.Job) (string, error) {
	id := job.ID
	if id == "" {
		id = NewID()
	}
	document, err := encodeJob(id, job)
	if err != nil {
		return "", fmt.Errorf("submit job %q: %w", id, err)
	}
	err = q.inTransaction(ctx, func(tx *sql.Tx) error {
		if err := insertSubmission(ctx, tx, id, document); err != nil {
			return err
		}
		_, err := q.inserts.InsertTx(ctx, tx, args{JobID: id}, &river.InsertOpts{MaxAttempts: maxAttempts})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("submit job %q: %w", id, err)
	}
	tell(q.news)
	return id, nil
}

// How SQLite writes a commit: into its log only, or onto the disk too, with all that the log holds.
const (
	lazily  = "NORMAL"
	durably = "FULL"
)

// inTransaction commits what the function did, or nothing if it fails. When it returns nil that is on the disk.
func (q *Queue) inTransaction(ctx context.Context, do func(*sql.Tx) error) (err error) {
	conn, err := q.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // back to its pool
	if err := writing(ctx, conn, durably); err != nil {
		return err
	}
	// One that stays durable is slower and no worse.
	defer func() { _ = writing(context.WithoutCancel(ctx), conn, lazily) }()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // the first error tells more
		return err
	}
	return tx.Commit()
}

// writing sets how the connection's next commits are written.
func writing(ctx context.Context, conn *sql.Conn, how string) error {
	_, err := conn.ExecContext(ctx, "PRAGMA synchronous = "+how)
	return err
}

// Depth is how many jobs a queue holds.
type Depth struct {
	// Waiting are jobs that no runner has taken.
	Waiting int
	// Running are jobs that a runner has taken, with those that a killed runner left until it starts again.
	Running int
}

// Depth counts the jobs that are not answered yet.
func (q *Queue) Depth(ctx context.Context) (Depth, error) {
	var depth Depth
	err := q.db.QueryRowContext(ctx, `
		SELECT count(*) FILTER (WHERE state <> 'running'), count(*) FILTER (WHERE state = 'running')
		FROM river_job WHERE kind = ? AND state IN ('available', 'pending', 'retryable', 'scheduled', 'running')`, kind,
	).Scan(&depth.Waiting, &depth.Running)
	if err != nil {
		return Depth{}, fmt.Errorf("count the jobs of the queue: %w", err)
	}
	return depth, nil
}
