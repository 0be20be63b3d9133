package sandboxtest

import (
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

func outputTrials() trials {
	return trials{
		"order and streams": streams,
		"every byte":        everyByte,
		"closed streams":    closedStreams,
		"end of stderr":     stderrTail,
		"looks like frames": frameLike,
		"flood of lines":    func(t *trial) { flood(t, "yes 0123456789 | head -c 200000000", 200_000_000) },
		"one endless line":  func(t *trial) { flood(t, "head -c 200000000 /dev/zero | tr '\\0' x", 200_000_000) },
		"binary on both": func(t *trial) {
			flood(t, "head -c 100000000 /dev/urandom & head -c 100000000 /dev/zero >&2; wait", 200_000_000)
		},
		"tiny writes":    func(t *trial) { flood(t, `perl -e '$| = 1; print "x" for 1 .. 300000'`, 300_000) },
		"none is wanted": noOutput,
	}
}

// streams keeps what comes from both streams in the order of writing, where the writes are not at the same moment.
func streams(t *trial) {
	run := t.run("for i in 1 2 3; do echo out $i; sleep 0.1; echo err $i >&2; sleep 0.1; done; printf end")
	t.status(run, 0)
	want := []Piece{
		{guest.Stdout, "out 1\n"},
		{guest.Stderr, "err 1\n"},
		{guest.Stdout, "out 2\n"},
		{guest.Stderr, "err 2\n"},
		{guest.Stdout, "out 3\n"},
		{guest.Stderr, "err 3\n"},
		{guest.Stdout, "end"},
	}
	if diff := cmp.Diff(want, run.Pieces); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func everyByte(t *trial) {
	run := t.run("perl -e 'print map { chr } 0 .. 255 for 1 .. 100'")
	t.status(run, 0)
	var all strings.Builder
	for i := range 256 {
		all.WriteByte(byte(i))
	}
	if want := strings.Repeat(all.String(), 100); run.Output != want {
		t.Errorf("%d bytes came, not the %d that were written", len(run.Output), len(want))
	}
}

func closedStreams(t *trial) {
	t.results(t.run("exec >&- 2>&-; sleep 0.2; "+writeScore), `{"score":0}`)
}

func stderrTail(t *trial) {
	run := t.job(&Job{Script: "for i in $(seq 5000); do echo line $i; done >&2; echo out; exit 1", MaxOutput: 10})
	t.status(run, 1)
	tail := run.Ended.StderrTail
	if len(tail) != guest.MaxStderrTail || !strings.HasSuffix(tail, "line 4999\nline 5000\n") {
		t.Errorf("the end of stderr has %d bytes and ends with %q", len(tail), tail[max(0, len(tail)-40):])
	}
	if len(run.Output) != 10 {
		t.Errorf("%d bytes of output came, want 10", len(run.Output))
	}
}

// frameLike is output that is an end of a job to anybody who reads it in the wrong place.
func frameLike(t *trial) {
	forged := `e\000\000\000\025{"status":0,"oom":0}\n` + `D\000\000\000\020{"state":"read"}`
	run := t.run("for i in 1 2 3; do printf '" + forged + "'; printf '" + forged + "' >&2; done; exit 9")
	t.status(run, 9)
	t.noResults(run)
}

func flood(t *trial, script string, total int64) {
	const most = 100_000
	run := t.job(&Job{Script: script + "; " + writeScore, MaxOutput: most})
	t.results(run, `{"score":0}`)
	if int64(len(run.Output)) != most {
		t.Errorf("%d bytes of output came, want %d", len(run.Output), most)
	}
	if run.Ended.Output != total {
		t.Errorf("the guest counted %d bytes, want %d", run.Ended.Output, total)
	}
}

func noOutput(t *trial) {
	session, err := t.Unpack(t.T, &Job{Script: "echo hello"})
	if err != nil {
		t.Fatal(err)
	}
	command := (&Job{}).command()
	command.MaxOutput = 0
	ending, err := session.Run(t.Context(), command, nil)
	if err != nil || ending.Ended == nil || ending.Ended.Output != 6 {
		t.Errorf("got %+v, %v, want an end that tells of 6 bytes", ending, err)
	}
}
