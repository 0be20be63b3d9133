//go:build linux

package firstprocess

import (
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/sys/unix"
)

// TestRead refuses plans that are not whole, before anything is done.
func TestRead(t *testing.T) {
	const spec = `"Spec":{"process":{"cwd":"/"},"root":{"path":"/"},"linux":{}}`
	for name, c := range map[string]struct{ plan, want string }{
		"whole":              {`{` + spec + `,"Filter":"AAAAAAAAAAA="}`, ""},
		"empty":              {"", "read the plan: unexpected end of JSON input"},
		"cut off":            {`{` + spec, "read the plan: unexpected end of JSON input"},
		"no description":     {`{"Filter":"AAAAAAAAAAA="}`, "the plan lacks the process, the root or what is Linux's"},
		"no process":         {`{"Spec":{"root":{"path":"/"},"linux":{}},"Filter":"AAAAAAAAAAA="}`, "the plan lacks the process, the root or what is Linux's"},
		"no filter":          {`{` + spec + `}`, "the plan's system call filter has 0 bytes"},
		"half a filter":      {`{` + spec + `,"Filter":"AAAA"}`, "the plan's system call filter has 3 bytes"},
		"longer than a plan": {`{` + spec + `,"Filter":"` + strings.Repeat("A", MaxPlan) + `"}`, "read the plan: unexpected end of JSON input"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(iotest.OneByteReader(strings.NewReader(c.plan)))
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || err.Error() != c.want):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestParseOptions splits what is the kernel's from what is the file system's.
func TestParseOptions(t *testing.T) {
	flags, data, err := parseOptions([]string{"nosuid", "rw", "mode=755", "newinstance", "noexec", "size=4k"})
	if err != nil || flags != unix.MS_NOSUID|unix.MS_NOEXEC || data != "mode=755,newinstance,size=4k" {
		t.Errorf("got %x, %q, %v", flags, data, err)
	}
	if _, _, err := parseOptions([]string{"bind"}); err == nil || err.Error() != `the option "bind" is not known` {
		t.Errorf("got %v", err)
	}
}
