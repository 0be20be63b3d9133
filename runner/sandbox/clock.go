package sandbox

import "time"

// clock brings the guest's clock to the host's. On the same kernel they are one; a remote engine has its own.
type clock struct {
	asked   time.Time     // when the ping that has no answer yet was sent
	offset  time.Duration // the guest's clock minus the host's
	trip    time.Duration // of the ping that gave the offset
	learned bool
}

// ask notes that a ping is sent.
func (c *clock) ask(now time.Time) {
	if c.asked.IsZero() {
		c.asked = now
	}
}

// answer learns from a pong. The shortest round trip tells the offset best.
func (c *clock) answer(now time.Time, guestNanos int64) {
	if c.asked.IsZero() {
		return
	}
	trip := now.Sub(c.asked)
	if !c.learned || trip < c.trip {
		c.learned, c.trip = true, trip
		c.offset = time.Unix(0, guestNanos).Sub(c.asked.Add(trip / 2).Round(0))
	}
	c.asked = time.Time{}
}

// host brings an instant of the guest to the host's clock and between the two instants that the host itself saw: only the host's
// clock counts, whatever a job has done to the guest.
func (c *clock) host(guestNanos int64, from, to time.Time) time.Time {
	from, to = from.Round(0), to.Round(0)
	at := time.Unix(0, guestNanos).Add(-c.offset)
	switch {
	case at.Before(from):
		return from
	case at.After(to):
		return to
	default:
		return at
	}
}
