package fairqueue

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
)

func job(id, image, student, regrade string) *queue.Message {
	return &queue.Message{Job: &jobspec.Job{
		ID: id, Image: image, Environment: map[string]*string{"STUDENT": &student, "REGRADE": &regrade},
	}}
}

func testOptions() *Options {
	return &Options{Share: ShareByImage, Student: "env:STUDENT", Regrade: "env:REGRADE", MostPassed: 10}
}

// order takes all out; ended is called with the share of each.
func order(l *line, ended func(share string)) []string {
	var ids []string
	for {
		w := l.next()
		if w == nil {
			return ids
		}
		ended(w.share)
		ids = append(ids, w.message.Job.ID)
	}
}

func TestOrder(t *testing.T) {
	for name, c := range map[string]struct {
		messages []*queue.Message
		want     []string
	}{
		"one share keeps the order": {
			[]*queue.Message{job("1", "a", "", ""), job("2", "a", "", ""), job("3", "a", "", "")},
			[]string{"1", "2", "3"},
		},
		"shares take turns": {
			[]*queue.Message{job("a1", "a", "", ""), job("a2", "a", "", ""), job("a3", "a", "", ""), job("b1", "b", "", ""), job("b2", "b", "", "")},
			[]string{"a1", "b1", "a2", "b2", "a3"},
		},
		"a student's newest goes first": {
			[]*queue.Message{job("1", "a", "s", ""), job("2", "a", "t", ""), job("3", "a", "s", "")},
			[]string{"3", "1", "2"},
		},
		"a student's newest does not leave its share": {
			[]*queue.Message{job("1", "a", "s", ""), job("2", "b", "s", "")},
			[]string{"1", "2"},
		},
		"regrades wait": {
			[]*queue.Message{job("r1", "a", "", "yes"), job("r2", "b", "", "yes"), job("1", "a", "", ""), job("2", "a", "", "")},
			[]string{"1", "2", "r2", "r1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			atOnce, never := newLine(testOptions()), newLine(testOptions())
			for _, m := range c.messages {
				atOnce.add(m)
				never.add(m)
			}
			if diff := cmp.Diff(c.want, order(atOnce, atOnce.ended)); diff != "" {
				t.Errorf("order if jobs end at once (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.want, order(never, func(string) {})); diff != "" {
				t.Errorf("order if no job ends (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever comes and ends in whatever order: none is lost, none comes twice, and each is served at the latest after twice those in front
// of it and the bound: until it has been passed that often, and then by every second turn.
func TestNobodyStarves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opts := testOptions()
		opts.MostPassed = rapid.IntRange(1, 6).Draw(t, "bound")
		c := &crowd{line: newLine(opts), due: map[string]int{}}
		t.Repeat(map[string]func(*rapid.T){"comes": c.comes, "goes": c.goes, "ends": c.ends, "": c.check})
	})
}

// crowd is a line and what it must hold.
type crowd struct {
	line         *line
	due          map[string]int // by job that waits: as number what it must be served at the latest
	running      []string       // shares
	served, sent int
}

func (c *crowd) comes(t *rapid.T) {
	id := fmt.Sprint(c.sent)
	c.sent++
	c.due[id] = c.served + 2*(len(c.line.waiting)+1) + c.line.opts.MostPassed
	c.line.add(job(id, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "image"),
		rapid.SampledFrom([]string{"", "s", "t"}).Draw(t, "student"), rapid.SampledFrom([]string{"", "", "yes"}).Draw(t, "regrade")))
}

func (c *crowd) goes(t *rapid.T) {
	w := c.line.next()
	if w == nil {
		if len(c.due) > 0 {
			t.Fatalf("%d are lost", len(c.due))
		}
		return
	}
	c.served++
	at, known := c.due[w.message.Job.ID]
	if !known {
		t.Fatalf("%s came twice", w.message.Job.ID)
	}
	if c.served > at {
		t.Fatalf("%s was served as number %d, due by %d", w.message.Job.ID, c.served, at)
	}
	delete(c.due, w.message.Job.ID)
	c.running = append(c.running, w.share)
}

func (c *crowd) ends(t *rapid.T) {
	if len(c.running) == 0 {
		return
	}
	i := rapid.IntRange(0, len(c.running)-1).Draw(t, "which")
	c.line.ended(c.running[i])
	c.running = append(c.running[:i], c.running[i+1:]...)
}

func (c *crowd) check(t *rapid.T) {
	total := 0
	for _, n := range c.line.running {
		total += n
	}
	if total != len(c.running) || len(c.line.waiting) != len(c.due) {
		t.Fatalf("%d run and %d wait by the line's count, want %d and %d", total, len(c.line.waiting), len(c.running), len(c.due))
	}
}

// A course of which hundreds wait and are overdue does not shut out one that sends now and then.
func TestOverdueDoNotShutOut(t *testing.T) {
	l := newLine(testOptions())
	for i := range 300 {
		l.add(job(fmt.Sprint("a", i), "a", "", ""))
	}
	for i := range 140 {
		b := job(fmt.Sprint("b", i), "b", "", "")
		l.add(b)
		turns := 0
		for served := false; !served; turns++ {
			w := l.next()
			l.ended(w.share)
			served = w.message == b
		}
		if turns > 2 {
			t.Fatalf("job %d of the other course had its turn as number %d", i, turns)
		}
	}
}

func TestSharesAreForgotten(t *testing.T) {
	l := newLine(testOptions())
	for i := range 5 * maxShares {
		l.add(job(fmt.Sprint(i), fmt.Sprint("image-", i), "", ""))
		l.ended(l.next().share)
	}
	if len(l.turns) > maxShares+1 || len(l.running) > 0 {
		t.Errorf("%d shares and %d running ones are remembered", len(l.turns), len(l.running))
	}
}

func TestKeys(t *testing.T) {
	value := "v"
	j := &jobspec.Job{Image: "i", Files: jobspec.Location{Bucket: "b"}, Environment: map[string]*string{"A": &value, "N": nil}}
	for key, want := range map[Key]string{"image": "i", "bucket": "b", "env:A": "v", "env:N": "", "env:Z": "", "": ""} {
		if err := key.Validate(); err != nil || key.of(j) != want {
			t.Errorf("%q: %v, %q, want %q", key, err, key.of(j), want)
		}
	}
	for _, key := range []Key{"env:", "course", "IMAGE"} {
		if key.Validate() == nil {
			t.Errorf("%q is taken", key)
		}
	}
}
