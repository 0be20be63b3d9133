package jobspec

import "time"

// Span is one phase of a job: submit, queue, prepare, run or report.
type Span struct {
	Name string
	Took time.Duration
}

// Spans are the phases of which both ends are known, in order.
func (t *Timestamps) Spans() []Span {
	names := []string{"submit", "queue", "prepare", "run", "report"}
	stamps := t.stamps()
	var spans []Span
	for i, name := range names {
		begin, end := *stamps[i].at, *stamps[i+1].at
		if !begin.IsZero() && !end.IsZero() {
			spans = append(spans, Span{Name: name, Took: end.Sub(begin)})
		}
	}
	return spans
}
