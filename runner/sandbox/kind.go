package sandbox

import (
	"fmt"
	"slices"
	"time"
)

// maxKinds bounds the kinds that a pool knows: messages name images.
const maxKinds = 1000

const (
	// placeOverhead is what a waiting container holds outside of itself: the engine's process that watches it.
	placeOverhead = 10 << 20
	// placeGuess is what a container holds of whose kind none has waited yet: the guest and its second stage.
	placeGuess = 16 << 20
)

// kindKey is what containers must have in common to serve the same jobs.
type kindKey struct {
	image, profile string
	networking     bool
}

func keyOf(spec *Spec) kindKey {
	return kindKey{spec.Image.ID, fmt.Sprint(*spec.Profile), spec.Networking} // every limit, not only the profile's name
}

// kind is one kind of container. All fields are guarded by the pool's lock.
type kind struct {
	spec     Spec
	waiting  []*Session
	used     []time.Time // within demandWindow, and the last one always
	size     int64       // the most that one of them held while it waited, with placeOverhead; 0 is not known
	restsTo  time.Time   // after a start that failed
	coldTo   time.Time   // after a warm-up that failed
	tooLarge bool        // one would hold more than all may
	suits    bool        // the last job could have been the image's warm-up
}

// demand is how many containers of the kind should wait.
func (k *kind) demand(now time.Time, most int) int {
	lately := 0
	for _, at := range k.used {
		if now.Sub(at) <= demandWindow {
			lately++
		}
	}
	return min(max(1, lately), most)
}

func (k *kind) lastUse() time.Time { return k.used[len(k.used)-1] }

// need is what one more container of the kind will hold.
func (k *kind) need() int64 {
	if k.size > 0 {
		return k.size
	}
	return placeGuess + placeOverhead
}

// take returns a waiting container, nil without one: for a job that may be the image's warm-up one that has it ready, else one that has
// not, else the one that has waited longest.
func (k *kind) take() *Session {
	if len(k.waiting) == 0 {
		return nil
	}
	i := max(0, slices.IndexFunc(k.waiting, func(session *Session) bool { return session.isWarm() == k.suits }))
	session := k.waiting[i]
	k.waiting = slices.Delete(k.waiting, i, i+1)
	return session
}

// keep removes all but so many of the waiting containers, the oldest first.
func (k *kind) keep(count int) (removed []*Session) {
	surplus := max(0, len(k.waiting)-count)
	removed = slices.Clone(k.waiting[:surplus])
	k.waiting = slices.Delete(k.waiting, 0, surplus)
	return removed
}

// removeUnhealthy removes waiting containers whose guest is gone or does not answer.
func (k *kind) removeUnhealthy(now time.Time) (removed []*Session) {
	k.waiting = slices.DeleteFunc(k.waiting, func(session *Session) bool {
		if session.answers(now) {
			return false
		}
		removed = append(removed, session)
		return true
	})
	return removed
}

// use counts a job. It drops what waits of an older image of the same name. It returns nil where there is no pool. The caller holds the
// lock, as those of the methods below do.
func (p *Pool) use(spec *Spec) *kind {
	if p.opts.Places == 0 || p.isClosed {
		return nil
	}
	key := keyOf(spec)
	k, ok := p.kinds[key]
	if !ok {
		k = &kind{spec: *spec}
		k.spec.Job = ""
		if len(p.kinds) >= maxKinds {
			p.forgetOldest()
		}
		p.kinds[key] = k
		for other, old := range p.kinds {
			if old.spec.Image.Name == spec.Image.Name && other.image != key.image {
				p.drop(other)
			}
		}
	}
	k.suits = spec.Warmup
	now := time.Now()
	k.used = slices.DeleteFunc(append(k.used, now), func(at time.Time) bool { return now.Sub(at) > demandWindow })
	return k
}

func (p *Pool) forgetOldest() {
	var oldest kindKey
	var since time.Time
	for key, k := range p.kinds {
		if since.IsZero() || k.lastUse().Before(since) {
			oldest, since = key, k.lastUse()
		}
	}
	p.drop(oldest)
}

// drop forgets a kind and removes what waits of it.
func (p *Pool) drop(key kindKey) {
	p.discard(p.kinds[key].keep(0))
	delete(p.kinds, key)
}

// holdings are how many containers wait and what they hold together.
func (p *Pool) holdings() (count int, bytes int64) {
	for _, k := range p.kinds {
		for _, session := range k.waiting {
			held := session.held()
			if held > 0 {
				k.size = max(k.size, held+placeOverhead)
			}
			bytes += max(held+placeOverhead, placeGuess)
		}
		count += len(k.waiting)
	}
	return count, bytes
}
