package runner_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// messages are those of the log's lines.
func messages(t *testing.T, log *runner.OutputLog) []string {
	t.Helper()
	var list []string
	for line := range strings.Lines(readLog(t, log)) {
		var entry struct{ Message string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("the line %.200q is not JSON: %v", line, err)
		}
		list = append(list, entry.Message)
	}
	return list
}

func TestOutputLogLines(t *testing.T) {
	type chunk struct {
		stream guest.Stream
		text   string
	}
	long := strings.Repeat("é", 6<<10)
	for name, c := range map[string]struct {
		chunks []chunk
		want   []string
	}{
		"nothing":           {nil, nil},
		"line ends":         {[]chunk{{guest.Stdout, "a\nb\r\nc\rd\n"}}, []string{"a", "b", "c", "d"}},
		"empty lines":       {[]chunk{{guest.Stdout, "\n\r\n\na\n\n"}}, []string{"a"}},
		"no last line end":  {[]chunk{{guest.Stdout, "a\nb"}}, []string{"a", "b"}},
		"pieces":            {[]chunk{{guest.Stdout, "a"}, {guest.Stdout, "b\r"}, {guest.Stdout, "\nc"}}, []string{"ab", "c"}},
		"cut characters":    {[]chunk{{guest.Stdout, "\xc3"}, {guest.Stdout, "\xa9\n"}}, []string{"é"}},
		"both streams":      {[]chunk{{guest.Stdout, "o"}, {guest.Stderr, "e\n"}, {guest.Stdout, "ut\n"}}, []string{"e", "out"}},
		"a third stream":    {[]chunk{{3, "x\n"}}, nil},
		"invalid UTF-8":     {[]chunk{{guest.Stdout, "a\xff\xfeb\n"}}, []string{"a\uFFFDb"}},
		"markup and colour": {[]chunk{{guest.Stdout, "<b>&\x1b[31m\n"}}, []string{"<b>&\x1b[31m"}},
		"a long line":       {[]chunk{{guest.Stdout, long + "\nx"}}, []string{long[:8<<10], long[8<<10:], "x"}},
		"a long line, odd":  {[]chunk{{guest.Stdout, "a" + long + "\n"}}, []string{"a" + long[:8<<10-2], long[8<<10-2:]}},
		"a long line of invalid UTF-8": {
			[]chunk{{guest.Stdout, strings.Repeat("\x80", 8<<10) + "a\n"}}, []string{"\uFFFD", "a"},
		},
		"a line of just the length": {[]chunk{{guest.Stdout, long[:8<<10]}, {guest.Stdout, "\nb"}}, []string{long[:8<<10], "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			log := runner.NewOutputLog()
			for _, chunk := range c.chunks {
				log.Write(chunk.stream, []byte(chunk.text))
			}
			log.Finish(1)
			var want []string
			for _, line := range c.want {
				want = append(want, "container> "+line)
			}
			if diff := cmp.Diff(want, messages(t, log)); diff != "" {
				t.Errorf("the lines differ (-want +got):\n%.2000s", diff)
			}
		})
	}
}

// The format is that of PrairieLearn's own host: keys in alphabetical order, the time in UTC with milliseconds.
func TestOutputLogFormat(t *testing.T) {
	log := runner.NewOutputLog()
	log.Info(`say "hi"`)
	log.Error("two\nlines <b>")
	log.Write(guest.Stderr, []byte("x\n"))
	stamp := regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`)
	want := `{"level":"info","message":"say \"hi\"","timestamp":T}
{"level":"error","message":"two\nlines <b>","timestamp":T}
{"level":"info","message":"container> x","timestamp":T}
`
	if diff := cmp.Diff(want, stamp.ReplaceAllString(readLog(t, log), "T")); diff != "" {
		t.Errorf("the log differs (-want +got):\n%s", diff)
	}
}

func TestOutputLogCut(t *testing.T) {
	log := runner.NewOutputLog()
	log.Info("before")
	chunk := []byte(strings.Repeat("\x01", 30_000)) // each takes six bytes in JSON
	for range 100 {
		log.Write(guest.Stdout, chunk)
	}
	log.Write(guest.Stderr, []byte("\nshort\n")) // it would still fit, and would hide that there is a gap
	log.Finish(3_000_007)
	log.Info("after")
	text, list := readLog(t, log), messages(t, log)
	if len(text) > runner.MaxLog || len(text) < runner.MaxLog*8/10 {
		t.Errorf("the log has %d bytes", len(text))
	}
	want := []string{"The output was cut here; the job wrote 3000007 bytes in all", "after"}
	if diff := cmp.Diff(want, list[len(list)-2:]); diff != "" {
		t.Errorf("the last lines differ (-want +got):\n%s", diff)
	}
}

func TestOutputLogCutWithoutCount(t *testing.T) {
	log := runner.NewOutputLog()
	log.Write(guest.Stdout, []byte(strings.Repeat("line\n", 100_000)))
	log.Finish(0)
	list := messages(t, log)
	if last := list[len(list)-1]; last != "The output was cut here" {
		t.Errorf("the last line is %q", last)
	}
}

// The guest sends the start of a flood only. That the rest is missing is said also where what came has room.
func TestOutputLogCutByGuest(t *testing.T) {
	log := runner.NewOutputLog()
	log.Write(guest.Stdout, []byte("short\n"))
	log.Finish(runner.MaxLog + 1)
	if got := messages(t, log); len(got) != 2 || !strings.HasPrefix(got[1], "The output was cut here") {
		t.Errorf("got %q", got)
	}
}

// A registry's error, which is as long as it likes, leaves room for the lines after it.
func TestOutputLogLongLinesOfOurs(t *testing.T) {
	log := runner.NewOutputLog()
	log.Write(guest.Stdout, []byte(strings.Repeat("line\n", 200_000)))
	log.Error("pull: " + strings.Repeat("é", 10<<20))
	log.Info("after")
	list := messages(t, log)
	long := list[len(list)-2]
	if list[len(list)-1] != "after" || !strings.HasPrefix(long, "pull: é") || !strings.HasSuffix(long, "é…") || !utf8.ValidString(long) {
		t.Errorf("the log ends in %.100q", list[len(list)-2:])
	}
}

func TestOutputLogConcurrent(t *testing.T) {
	log := runner.NewOutputLog()
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			for j := range 200 {
				log.Write(guest.Stdout, []byte(fmt.Sprintf("%d-%d\n", i, j)))
				log.Info("ours")
				_ = log.Reader()
			}
		})
	}
	writers.Wait()
	if n := len(messages(t, log)); n != 1600 {
		t.Errorf("there are %d lines, want 1600", n)
	}
}
