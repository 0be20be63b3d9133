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
	// maxOwnLine is where a line of ours is shortened: the end of stderr has 4 KiB, 50 violations about as many.
	maxOwnLine = 16 << 10
)

// OutputLog is what course staff read of a job: one JSON object a line with level, message and timestamp, in the format that
// PrairieLearn's grading job page shows. Lines that the grader wrote begin with "container> ". It is safe for concurrent use.
type OutputLog struct {
	mu      sync.Mutex // guards the fields below
	lines   bytes.Buffer
	partial map[guest.Stream]*bytes.Buffer
	cut     bool // the grader's output was cut; nothing of it follows
	line    bytes.Buffer
	encoder *json.Encoder // to line
}

// NewOutputLog returns an empty log.
func NewOutputLog() *OutputLog {
	l := &OutputLog{partial: map[guest.Stream]*bytes.Buffer{guest.Stdout: {}, guest.Stderr: {}}}
	l.encoder = json.NewEncoder(&l.line)
	l.encoder.SetEscapeHTML(false) // people read it, and look for "container> "
	return l
}

// Info adds a line of ours.
func (l *OutputLog) Info(message string) { l.own("info", message) }

// Error adds a line of ours about a failure.
func (l *OutputLog) Error(message string) { l.own("error", message) }

// own adds a line of ours, shortened to maxOwnLine: a registry's error is as long as the registry likes.
func (l *OutputLog) own(level, message string) {
	if len(message) > maxOwnLine {
		message = strings.ToValidUTF8(message[:maxOwnLine], "") + "…"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(level, message, MaxLog)
}

// Write adds what the grader wrote to one of its streams.
func (l *OutputLog) Write(stream guest.Stream, chunk []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	buffer, ok := l.partial[stream]
	for ok && len(chunk) > 0 && !l.cut {
		end := bytes.IndexAny(chunk, "\r\n")
		ended := end >= 0
		if !ended {
			end = len(chunk)
		}
		if room := maxLine - buffer.Len(); end > room {
			buffer.Write(chunk[:room])
			l.breakLine(buffer)
			chunk = chunk[room:]
			continue
		}
		buffer.Write(chunk[:end])
		if !ended {
			return
		}
		l.flush(buffer)
		chunk = chunk[end+1:]
	}
}

// breakLine ends a line that is too long, in front of a character of which not all bytes are here.
func (l *OutputLog) breakLine(buffer *bytes.Buffer) {
	text := buffer.Bytes()
	last := len(text) - 1
	for last > len(text)-utf8.UTFMax && !utf8.RuneStart(text[last]) {
		last--
	}
	if utf8.FullRune(text[last:]) {
		last = len(text)
	}
	rest := bytes.Clone(text[last:])
	buffer.Truncate(last)
	l.flush(buffer)
	buffer.Write(rest)
}

// Finish ends lines that the grader has not ended, and says if not all that it wrote is here. written is how many bytes that were in
// all, 0 if nobody knows.
func (l *OutputLog) Finish(written int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, stream := range []guest.Stream{guest.Stdout, guest.Stderr} {
		l.flush(l.partial[stream])
	}
	switch {
	case written > 0 && (l.cut || written > MaxLog):
		l.add("info", fmt.Sprintf("The output was cut here; the job wrote %d bytes in all", written), MaxLog)
	case l.cut:
		l.add("info", "The output was cut here", MaxLog)
	}
}

// flush adds a line of the grader; empty ones are dropped, as on PrairieLearn's own host, and so are those after a cut.
func (l *OutputLog) flush(buffer *bytes.Buffer) {
	text := buffer.String()
	buffer.Reset()
	if text != "" && !l.cut {
		l.cut = !l.add("info", "container> "+text, maxContainerLog)
	}
}

// add says whether there was room for the line.
func (l *OutputLog) add(level, message string, limit int) bool {
	l.line.Reset()
	err := l.encoder.Encode(struct {
		Level     string `json:"level"`
		Message   string `json:"message"`
		Timestamp string `json:"timestamp"`
	}{level, strings.ToValidUTF8(message, "\uFFFD"), jobspec.FormatTime(time.Now())})
	if err != nil || l.lines.Len()+l.line.Len() > limit { // three strings always can be encoded
		return false
	}
	l.lines.Write(l.line.Bytes())
	return true
}

// Reader returns what the log holds now.
func (l *OutputLog) Reader() io.Reader {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.NewReader(bytes.Clone(l.lines.Bytes()))
}
