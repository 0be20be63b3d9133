package fairqueue

import (
	"fmt"
	"testing"
)

// BenchmarkNext takes one message out of a thousand that wait, and adds another.
func BenchmarkNext(b *testing.B) {
	l := newLine(testOptions())
	l.opts.MostPassed = DefaultMostPassed
	add := func(i int) { l.add(job(fmt.Sprint(i), fmt.Sprint("image-", i%10), fmt.Sprint("student-", i%400), "")) }
	for i := range MaxAhead {
		add(i)
	}
	b.ReportAllocs()
	for i := MaxAhead; b.Loop(); i++ {
		w := l.next()
		l.ended(w.share)
		add(i)
	}
}
