package riverqueue_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
	"github.com/slashgrade/slashgrade/queue/queuetest"
	"github.com/slashgrade/slashgrade/queue/riverqueue"
)

func TestConformance(t *testing.T) {
	queuetest.Run(t, harness{})
}

// harness runs the suite on two handles, as platform and runner have them.
type harness struct{}

func (harness) ShortestLease() time.Duration { return 0 }

func (harness) NewQueue(t *testing.T, _ time.Duration) queuetest.Queue {
	t.Helper()
	path := newPath(t)
	return &suiteQueue{path: path, t: t, queue: open(t, path), driver: newDriver(t, open(t, path), "suite", queuetest.Held)}
}

// suiteQueue is a platform that knows what it sent.
type suiteQueue struct {
	t      *testing.T
	path   string
	queue  *riverqueue.Queue
	driver *riverqueue.Driver
	sent   []string
}

func (s *suiteQueue) Driver() queue.Driver { return s.driver }

func (s *suiteQueue) Send(ctx context.Context, job *jobspec.Job) error {
	id, err := s.queue.Insert(ctx, job)
	s.sent = append(s.sent, id)
	return err
}

// SendRefused damages the row of a job, as nothing else can break a rule here.
func (s *suiteQueue) SendRefused(ctx context.Context, id string) error {
	return s.sendDamaged(ctx, id, "UPDATE submission SET job = '[]' WHERE job_id = ?")
}

// SendUnreadable takes the row of a job away.
func (s *suiteQueue) SendUnreadable(ctx context.Context) error {
	return s.sendDamaged(ctx, riverqueue.NewID(), "DELETE FROM submission WHERE job_id = ?")
}

// sendDamaged lets the job appear and be damaged in one instant for the runner: it waits in a state that River does not
// take jobs from.
func (s *suiteQueue) sendDamaged(ctx context.Context, id, damage string) error {
	execute(ctx, s.t, s.path, `CREATE TRIGGER hold AFTER INSERT ON river_job
		BEGIN UPDATE river_job SET state = 'pending' WHERE id = new.id; END`)
	err := s.Send(ctx, &jobspec.Job{ID: id})
	execute(ctx, s.t, s.path, "DROP TRIGGER hold")
	execute(ctx, s.t, s.path, damage, id)
	execute(ctx, s.t, s.path, "UPDATE river_job SET state = 'available' WHERE state = 'pending'")
	return err
}

func (s *suiteQueue) Answers(ctx context.Context) ([]*jobspec.Report, error) {
	var reports []*jobspec.Report
	for _, id := range s.sent {
		record, err := s.queue.Record(ctx, id)
		if errors.Is(err, riverqueue.ErrNotFound) {
			continue // sendDamaged took it away
		}
		if err != nil {
			return reports, err
		}
		if record.Report != nil {
			reports = append(reports, record.Report)
		}
	}
	return reports, nil
}
