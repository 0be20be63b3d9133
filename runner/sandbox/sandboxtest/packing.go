package sandboxtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-cmp/cmp"
)

func packingTrials() trials {
	return trials{
		"what the job left":     packLeft,
		"hostile leftovers":     packHostile,
		"over its limit":        packLimited,
		"after a time-out":      packTimedOut,
		"replaced system files": packReplaced,
		"writer that fails":     packFailing,
	}
}

// unpacked reads an archive as a line for each entry.
func (t *trial) unpacked(archive io.Reader) map[string]string {
	t.Helper()
	zip, err := gzip.NewReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]string{}
	for reader := tar.NewReader(zip); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(io.LimitReader(reader, 100))
		if err != nil {
			t.Fatal(err)
		}
		entries[header.Name] = fmt.Sprintf("%c %o %d %s%s", header.Typeflag, header.Mode, header.Size, header.Linkname, content)
	}
}

func (t *trial) pack(run *Outcome, limit int64) (entries map[string]string, skipped []string) {
	t.Helper()
	var archive bytes.Buffer
	skipped, err := run.Session.Archive(t.Context(), &archive, limit)
	if err != nil {
		t.Fatal(err)
	}
	return t.unpacked(&archive), skipped
}

func packLeft(t *trial) {
	run := t.run("cd /grade; rm -r tests; mkdir -m 700 d; printf x > d/f; ln -s /etc/passwd link; chmod 640 d/f; " + writeScore)
	t.status(run, 0)
	got, skipped := t.pack(run, 1<<20)
	want := map[string]string{
		"./": "5 755 0 ", "./d/": "5 700 0 ", "./d/f": "0 640 1 x", "./link": "2 777 0 /etc/passwd", "./results/": "5 755 0 ",
		"./results/results.json": `0 644 11 {"score":0}`,
	}
	if diff := cmp.Diff(want, got); diff != "" || len(skipped) != 0 {
		t.Errorf("archive (-want +got), left out %q:\n%s", skipped, diff)
	}
	if again, _ := t.pack(run, 1<<20); !cmp.Equal(got, again) {
		t.Error("a second archive is not the same")
	}
}

func packHostile(t *trial) {
	run := t.run(`cd /grade; rm -r tests
mkfifo fifo; perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "/grade/socket", Listen => 1) or die'
truncate -s 5G sparse; ln -s . loop; mkdir shut; printf x > shut/f; chmod 000 shut shut/f
printf x > "$(printf 'bad\377name')"; mkdir "$(printf 'bad\377dir')"; printf x > "$(printf 'bad\377dir')"/f
printf x > "$(printf 'line\nend')"; touch -d @-99999999999 old; touch -d @99999999999999 new
perl -e 'for (1 .. 300) { mkdir "d"; chdir "d" } open(my $f, ">", "deep")'
printf x > good
`)
	t.status(run, 0)
	got, skipped := t.pack(run, 1<<20)
	for name, want := range map[string]string{
		"./good": "0 644 1 x", "./loop": "2 777 0 .", "./shut/f": "0 0 1 x", "./bad\xffname": "0 644 1 x", "./line\nend": "0 644 1 x",
		"./old": "0 644 0 ", "./new": "0 644 0 ",
	} {
		if got[name] != want {
			t.Errorf("%q: got %q, want %q", name, got[name], want)
		}
	}
	all := strings.Join(skipped, "\n")
	for _, want := range []string{`"fifo": it is a FIFO`, `"socket": it is a socket`, `"sparse": its 5368709120 bytes`, "more than 200 folders deep"} {
		if !strings.Contains(all, want) {
			t.Errorf("left out:\n%s\nwant %q among it", all, want)
		}
	}
}

func packLimited(t *trial) {
	run := t.run("cd /grade; rm -r tests; for i in 1 2 3 4 5; do head -c 1000 /dev/zero > f$i; done; mkdir many; cd many; for i in $(seq 100); do printf 123 > $i; done")
	got, skipped := t.pack(run, 3000)
	if len(got) != 5 || len(skipped) != 20 {
		t.Errorf("archive of %d entries, %d left out by name: want 2 folders and 3 files, and 20", len(got), len(skipped))
	}
}

func packTimedOut(t *trial) {
	run := t.job(&Job{Script: writeScore + "rm -r /grade/tests; sleep 1000", Timeout: 1e9})
	if !t.ended(run).TimedOut {
		t.Errorf("ended with %+v", run.Ended)
	}
	if got, _ := t.pack(run, 1<<20); len(got) != 3 {
		t.Errorf("archive %v, want the results and their folders", got)
	}
}

// packReplaced has made everything that a program may read on the way into a trap.
func packReplaced(t *trial) {
	run := t.run(`rm -r /grade/tests; printf x > /grade/f; chown nobody /grade/f
for file in passwd group nsswitch.conf localtime; do rm -f /etc/$file; mkfifo /etc/$file; done; rm -rf /usr/share/zoneinfo`)
	t.status(run, 0)
	if got, skipped := t.pack(run, 1<<20); got["./f"] != "0 644 1 x" || len(skipped) != 0 {
		t.Errorf("archive %v, left out %q", got, skipped)
	}
}

func packFailing(t *trial) {
	run := t.run("head -c 3000000 /dev/urandom > /grade/f")
	full := errors.New("the store is full")
	if _, err := run.Session.Archive(t.Context(), failingWriter{full}, 1<<30); !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
}

type failingWriter struct{ err error }

// Write implements [io.Writer].
func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }
