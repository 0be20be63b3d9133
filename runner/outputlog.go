package runner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// Limits of a job's log.
const (
	// MaxLog is the size of output.log: PrairieLearn's 1 MiB.
	MaxLog = 1 << 20
	// maxContainerLog is the part of it that the grader's own output may take, so that our lines after a flood are kept.
	maxContainerLog = MaxLog - 64<<10
	// maxLine is where a line of output that does not end is broken.
	maxLine = 8 << 10
)

// OutputLog is what course staff read of a job: one JSON object a line with level, message and timestamp, in the format that
// PrairieLearn's grading job page shows. Lines that the grader wrote begin with "container> ". It is safe for concurrent use.
type OutputLog struct {
	mu      sync.Mutex
	lines   bytes.Buffer
	partial map[guest.Stream]*bytes.Buffer
	cut     bool // the grader's output was cut
}

// NewOutputLog returns an empty log.
func NewOutputLog() *OutputLog {
	return &OutputLog{partial: map[guest.Stream]*bytes.Buffer{guest.Stdout: {}, guest.Stderr: {}}}
}

// Info adds a line of ours.
func (l *OutputLog) Info(message string) { l.add("info", message, MaxLog) }

// Error adds a line of ours about a failure.
func (l *OutputLog) Error(message string) { l.add("error", message, MaxLog) }

// Write adds what the grader wrote to one of its streams.
func (l *OutputLog) Write(stream guest.Stream, chunk []byte) {
	l.mu.Lock()
	buffer, ok := l.partial[stream]
	l.mu.Unlock()
	if !ok {
		return
	}
	for len(chunk) > 0 {
		end := bytes.IndexAny(chunk, "\r\n")
		if end < 0 {
			end = len(chunk)
		}
		take := min(end, maxLine-buffer.Len())
		buffer.Write(chunk[:take])
		switch {
		case take < end:
			l.flush(buffer)
			chunk = chunk[take:]
		case end < len(chunk):
			l.flush(buffer)
			chunk = chunk[end+1:]
		default:
			return
		}
	}
}

// Finish ends lines that the grader has not ended, and says if not all that it wrote is here.
func (l *OutputLog) Finish(written int64) {
	for _, stream := range []guest.Stream{guest.Stdout, guest.Stderr} {
		l.flush(l.partial[stream])
	}
	l.mu.Lock()
	cut := l.cut
	l.mu.Unlock()
	if cut || written > MaxLog {
		l.Info(fmt.Sprintf("The output was cut here; the job wrote %d bytes in all", written))
	}
}

// flush adds a line of the grader; empty ones are dropped, as on PrairieLearn's own host.
func (l *OutputLog) flush(buffer *bytes.Buffer) {
	text := buffer.String()
	buffer.Reset()
	if text != "" {
		l.add("info", "container> "+text, maxContainerLog)
	}
}

func (l *OutputLog) add(level, message string, limit int) {
	if !utf8.ValidString(message) {
		message = strings.ToValidUTF8(message, "\uFFFD")
	}
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false) // people read it, and look for "container> "
	err := encoder.Encode(struct {
		Level     string `json:"level"`
		Message   string `json:"message"`
		Timestamp string `json:"timestamp"`
	}{level, message, jobspec.FormatTime(time.Now())})
	if err != nil {
		return // three strings always can be
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lines.Len()+line.Len() > limit {
		l.cut = true
		return
	}
	l.lines.Write(line.Bytes())
}

// Reader returns what the log holds now.
func (l *OutputLog) Reader() io.Reader {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.NewReader(bytes.Clone(l.lines.Bytes()))
}
