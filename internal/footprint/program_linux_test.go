package footprint

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mapped is how much of files is in this process's memory, in KiB.
func mapped(t *testing.T) (kib int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssFile:"); ok {
			_, _ = fmt.Sscan(rest, &kib)
		}
	}
	return kib
}

func TestTrim(t *testing.T) {
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	before := mapped(t)
	if err := Trim(); err != nil {
		t.Fatal(err)
	}
	after := mapped(t)
	t.Logf("%d KiB of a program of %d KiB before, %d after", before, len(program)>>10, after)
	if after >= before {
		t.Errorf("%d KiB of files were in memory before, and %d after", before, after)
	}
	for range 3 { // again, with all that has come back meanwhile
		if err := Trim(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMappings(t *testing.T) {
	const smaps = `00400000-01b9d000 r-xp 00000000 fe:00 1234 /usr/local/bin/slash grade
Size:              24180 kB
Rss:               12844 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
01b9d000-02f00000 r--p 0179d000 fe:00 1234 /usr/local/bin/slash grade
Anonymous:             4 kB
c000000000-c000400000 rw-p 00000000 00:00 0 [anon: Go: heap]
Anonymous:          4096 kB
`
	got, err := readMappings(strings.NewReader(smaps))
	if err != nil {
		t.Fatal(err)
	}
	want := []mapping{
		{0x400000, 0x1b9d000, "r-xp", "/usr/local/bin/slash grade", false},
		{0x1b9d000, 0x2f00000, "r--p", "/usr/local/bin/slash grade", true},
		{0xc000000000, 0xc000400000, "rw-p", "", true},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mapping{})); diff != "" {
		t.Errorf("mappings (-want +got):\n%s", diff)
	}
}
