package sandbox

import (
	"testing"
	"time"
)

func at(ms int) time.Time {
	return time.Unix(1_800_000_000, 0).Add(time.Duration(ms) * time.Millisecond)
}

// ping is one ping of the host and its answer.
type ping struct {
	asked, answered int // milliseconds of the host
	guest           int // of the guest
}

func TestClock(t *testing.T) {
	const sent, now = 1000, 5000
	cases := map[string]struct {
		pings []ping
		guest int
		want  int
	}{
		"no ping":               {guest: 2000, want: 2000},
		"same clock":            {pings: []ping{{100, 102, 101}}, guest: 2000, want: 2000},
		"guest ahead by 1 h":    {pings: []ping{{100, 102, 3_600_101}}, guest: 3_602_000, want: 2000},
		"guest behind by 1 h":   {pings: []ping{{100, 102, -3_599_899}}, guest: -3_598_000, want: 2000},
		"best trip counts":      {pings: []ping{{100, 500, 101}, {600, 602, 601}, {700, 1100, 701}}, guest: 2000, want: 2000},
		"before go":             {pings: []ping{{100, 102, 101}}, guest: 500, want: sent},
		"after now":             {pings: []ping{{100, 102, 101}}, guest: 9000, want: now},
		"lying guest":           {pings: []ping{{100, 102, -1 << 40}}, guest: 1 << 40, want: now},
		"lying the other way":   {pings: []ping{{100, 102, 1 << 40}}, guest: 0, want: sent},
		"answer without a ping": {pings: []ping{{-1, 102, 1 << 40}}, guest: 2000, want: 2000},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var clock clock
			for _, p := range c.pings {
				if p.asked >= 0 {
					clock.ask(at(p.asked))
					clock.ask(at(p.asked + 1)) // the first counts until there is an answer
				}
				clock.answer(at(p.answered), at(p.guest).UnixNano())
			}
			if got := clock.host(at(c.guest).UnixNano(), at(sent), at(now)); !got.Equal(at(c.want)) {
				t.Errorf("got %s, want %s", got, at(c.want))
			}
		})
	}
}

func TestRunSpan(t *testing.T) {
	for name, c := range map[string]struct{ started, took, now, wantStart, wantFinish int }{
		"as measured":            {1000, 500, 2000, 1000, 1500},
		"start too late":         {1600, 500, 2000, 1500, 2000},
		"longer than since go":   {1000, 5000, 2000, 900, 2000},
		"backwards":              {1000, -500, 2000, 1000, 1000},
		"the host's clock fell":  {1000, 500, 800, 900, 900},
		"all the time since go":  {950, 1100, 2000, 900, 2000},
		"at once":                {2000, 0, 2000, 2000, 2000},
		"more than may be a job": {2000, 1 << 40, 2000, 900, 2000},
	} {
		t.Run(name, func(t *testing.T) {
			start, finish := runSpan(at(900), at(c.started), time.Duration(c.took)*time.Millisecond, at(c.now))
			if !start.Equal(at(c.wantStart)) || !finish.Equal(at(c.wantFinish)) {
				t.Errorf("from %s to %s, want from %s to %s", start, finish, at(c.wantStart), at(c.wantFinish))
			}
		})
	}
}
