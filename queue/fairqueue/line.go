package fairqueue

import (
	"slices"
	"time"

	"github.com/slashgrade/slashgrade/queue"
)

// line is the order in which waiting messages go: by turns between shares, new submissions before regrades, and of one share the student's
// newest first. It is not safe for concurrent use.
type line struct {
	opts    *Options
	waiting []*waiting // in the order in which they came
	running map[string]int
	turns   map[string]int // when each share was served last; a share that was never served has 0
	turn    int
	late    bool // the last turn was an overdue message's
}

// waiting is a message in the line.
type waiting struct {
	message *queue.Message
	share   string
	regrade bool
	student string
	passed  int       // how often others that came later went before it
	ours    time.Time // until when the message is ours without another beat; zero is for ever
}

func newLine(opts *Options) *line {
	return &line{opts: opts, running: map[string]int{}, turns: map[string]int{}}
}

func (l *line) add(m *queue.Message) *waiting {
	w := &waiting{message: m, share: l.opts.Share.of(m.Job), student: l.opts.Student.of(m.Job), regrade: l.opts.Regrade.of(m.Job) != ""}
	l.waiting = append(l.waiting, w)
	return w
}

// next takes the message out whose turn it is; nil if none waits.
func (l *line) next() *waiting {
	if len(l.waiting) == 0 {
		return nil
	}
	at := l.oldestOverdue()
	// Every second turn at most: of a course that sent a thousand jobs all are overdue soon, and would shut the others out.
	l.late = at >= 0 && !l.late
	if !l.late {
		at = l.newestOfStudent(l.first())
	}
	chosen := l.waiting[at]
	l.waiting = slices.Delete(l.waiting, at, at+1)
	for _, w := range l.waiting[:at] {
		w.passed++
	}
	l.turn++
	l.turns[chosen.share] = l.turn
	l.running[chosen.share]++
	l.forget()
	return chosen
}

// oldestOverdue is the first message that has been passed often enough: whatever the shares, nobody waits for ever. -1 is none.
func (l *line) oldestOverdue() int {
	return slices.IndexFunc(l.waiting, func(w *waiting) bool { return w.passed >= l.opts.MostPassed })
}

// first is the message whose share is served least: regrades after all others, then the share with the fewest running, then the one
// that was served longest ago, then the one that came first.
func (l *line) first() int {
	best := 0
	for i, w := range l.waiting {
		if l.before(w, l.waiting[best]) {
			best = i
		}
	}
	return best
}

func (l *line) before(a, b *waiting) bool {
	if a.regrade != b.regrade {
		return b.regrade
	}
	if a.share == b.share {
		return false // it came later
	}
	if l.running[a.share] != l.running[b.share] {
		return l.running[a.share] < l.running[b.share]
	}
	return l.turns[a.share] < l.turns[b.share]
}

// newestOfStudent is the message that the same student sent last in the same share: who sends again wants that answer, and a platform may
// drop the earlier one.
func (l *line) newestOfStudent(at int) int {
	chosen := l.waiting[at]
	if chosen.student == "" {
		return at
	}
	for i := len(l.waiting) - 1; i > at; i-- {
		w := l.waiting[i]
		if w.student == chosen.student && w.share == chosen.share && w.regrade == chosen.regrade {
			return i
		}
	}
	return at
}

// ended notes that a message of the share runs no more.
func (l *line) ended(share string) {
	if l.running[share]--; l.running[share] <= 0 {
		delete(l.running, share)
	}
	l.forget()
}

// maxShares bounds the memory for shares that have nothing in the line: their last turn is forgotten, which puts them first once.
const maxShares = 1000

func (l *line) forget() {
	if len(l.turns) <= maxShares {
		return
	}
	for share := range l.turns {
		if l.running[share] == 0 && !slices.ContainsFunc(l.waiting, func(w *waiting) bool { return w.share == share }) {
			delete(l.turns, share)
		}
	}
}
