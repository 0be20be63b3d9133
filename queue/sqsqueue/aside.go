package sqsqueue

import (
	"context"
	"log/slog"
	"sync"
)

// maxRemembered bounds the memory for messages that were logged: 1,000 ids are about 100 kB. If more unreadable messages than this go
// round at once, some are logged again.
const maxRemembered = 1000

// setAside deals with a message that nobody can be answered about. Its failures are logged: the message comes again.
func (q *Queue) setAside(ctx context.Context, d *delivery, reason error) {
	log := q.log.With(
		slog.String("queue", q.jobs.name), slog.String("message_id", d.id), slog.Int("message_bytes", len(d.body)),
		slog.Int("receive_count", d.receives), slog.Any("reason", reason),
	)
	if q.deadLetters == nil {
		if q.aside.add(d.id) {
			log.ErrorContext(ctx, "unreadable message left to the queue's redrive policy: no sqs.dead_letter_queue is configured")
		}
		return
	}
	log = log.With(slog.String("dead_letter_queue", q.deadLetters.name))
	if err := q.send(ctx, q.deadLetters, d.body); err != nil {
		log.ErrorContext(ctx, "unreadable message could not be moved to the dead-letter queue", slog.Any("error", err))
		return
	}
	if err := q.remove(context.WithoutCancel(ctx), d.receipt); err != nil {
		log.ErrorContext(ctx, "unreadable message is in the dead-letter queue but was not deleted", slog.Any("error", err))
		return
	}
	log.ErrorContext(ctx, "unreadable message moved to the dead-letter queue")
}

// remembered is a set of the last maxRemembered ids.
type remembered struct {
	mu    sync.Mutex // guards the fields below
	known map[string]struct{}
	order []string // a ring; next is the oldest once it is full
	next  int
}

// add says whether the id is new.
func (r *remembered) add(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.known[id]; known {
		return false
	}
	if r.known == nil {
		r.known = make(map[string]struct{})
	}
	if len(r.order) < maxRemembered {
		r.order = append(r.order, id)
	} else {
		delete(r.known, r.order[r.next])
		r.order[r.next] = id
		r.next = (r.next + 1) % maxRemembered
	}
	r.known[id] = struct{}{}
	return true
}
