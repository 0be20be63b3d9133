package sqsqueue

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

const (
	// maxBatch is the most entries that SQS takes in one call.
	maxBatch = 10
	// maxBatchBytes is the most that SQS takes in all bodies of one call together: 256 KiB, the limit of one message. AWS has since raised
	// it to 1 MiB; other services that speak like it have not.
	maxBatchBytes = 256 << 10
	// lanes is how many calls of one kind are under way at once. What is ready while there is a free lane goes alone and at once; only
	// what must wait for a lane is batched. Two, so that one call that hangs does not hold up the others.
	lanes = 2
)

// errUnmentioned is the fate of an entry that the answer to a batch does not name.
var errUnmentioned = errors.New("the answer of SQS does not say what became of it")

// batcher does one kind of call for many callers, several in one request where several wait. It starts goroutines as they are needed
// and is safe for concurrent use.
type batcher struct {
	// one does the call for one text, many for several: an error for each, or one for all.
	one     func(ctx context.Context, text string) error
	many    func(ctx context.Context, texts []string) ([]error, error)
	timeout time.Duration // of one call

	mu      sync.Mutex // guards the fields below
	waiting []*entry
	busy    int // lanes in use
}

// entry is what one caller wants done.
type entry struct {
	text string
	done chan struct{} // closed when the fields below are set
	at   time.Time
	err  error
}

// do returns the instant at which SQS had accepted the text. A call that is under way is waited for even if ctx ends: it is bounded by
// itself, and whether it was done is worth knowing.
func (b *batcher) do(ctx context.Context, text string) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, err
	}
	e := &entry{text: text, done: make(chan struct{})}
	b.add(ctx, e)
	select {
	case <-e.done:
	case <-ctx.Done():
		if b.withdraw(e) {
			return time.Time{}, ctx.Err()
		}
		<-e.done
	}
	return e.at, e.err
}

func (b *batcher) add(ctx context.Context, e *entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, e)
	if b.busy < lanes {
		b.busy++
		go b.work(context.WithoutCancel(ctx))
	}
}

// withdraw says whether the entry was still waiting.
func (b *batcher) withdraw(e *entry) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.Index(b.waiting, e)
	if at < 0 {
		return false
	}
	b.waiting = slices.Delete(b.waiting, at, at+1)
	return true
}

// work is one lane, until nothing waits.
func (b *batcher) work(ctx context.Context) {
	for {
		batch := b.take()
		if len(batch) == 0 {
			return
		}
		b.send(ctx, batch)
	}
}

// take removes the longest waiting entries that fit into one call. It frees the lane when there are none.
func (b *batcher) take() []*entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	size, n := 0, 0
	for n < min(len(b.waiting), maxBatch) {
		size += len(b.waiting[n].text)
		if n > 0 && size > maxBatchBytes {
			break
		}
		n++
	}
	if n == 0 {
		b.busy--
		return nil
	}
	batch := slices.Clone(b.waiting[:n])
	b.waiting = slices.Delete(b.waiting, 0, n)
	return batch
}

func (b *batcher) send(ctx context.Context, batch []*entry) {
	if len(batch) == 1 {
		b.sendOne(ctx, batch[0])
		return
	}
	texts := make([]string, len(batch))
	for i, e := range batch {
		texts[i] = e.text
	}
	call, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	fates, err := b.many(call, texts)
	at := time.Now()
	if err != nil && refused(err) {
		// One entry that SQS does not take must not fail its neighbours, which would meet it again in the next batch.
		for _, e := range batch {
			b.sendOne(ctx, e)
		}
		return
	}
	for i, e := range batch {
		fate := err
		if err == nil {
			fate = fates[i]
		}
		e.settle(at, fate)
	}
}

func (b *batcher) sendOne(ctx context.Context, e *entry) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	err := b.one(ctx, e.text)
	e.settle(time.Now(), err)
}

func (e *entry) settle(at time.Time, err error) {
	if e.err = err; err == nil {
		e.at = at
	}
	close(e.done)
}

// refused says whether SQS answered that it will not take the request as it is: status 4xx, and not for our haste.
func refused(err error) bool {
	var response *awshttp.ResponseError
	if !errors.As(err, &response) || response.HTTPStatusCode()/100 != 4 {
		return false
	}
	haste := retry.ThrottleErrorCode{Codes: retry.DefaultThrottleErrorCodes}
	return haste.IsErrorThrottle(err) != aws.TrueTernary
}
