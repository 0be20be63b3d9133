package sandbox_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/profiles/seccomp"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

var update = flag.Bool("update", false, "write the files that tests compare with")

// deniedSyscalls are taken out of the engines' default list: large, young interfaces of the kernel with a history of holes, none of
// which a grader was seen to use.
func deniedSyscalls() []string {
	return []string{
		"io_uring_setup", "io_uring_enter", "io_uring_register",
		"bpf", "perf_event_open", "userfaultfd",
		"keyctl", "add_key", "request_key",
	}
}

func TestSeccompIsCurrent(t *testing.T) {
	profile := seccomp.DefaultProfile()
	denied := deniedSyscalls()
	for _, rule := range profile.Syscalls {
		rule.Names = slices.DeleteFunc(rule.Names, func(name string) bool { return slices.Contains(denied, name) })
	}
	profile.Syscalls = slices.DeleteFunc(profile.Syscalls, func(rule *seccomp.Syscall) bool { return len(rule.Names) == 0 })
	want, err := json.MarshalIndent(profile, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("seccomp.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), sandbox.Seccomp()); diff != "" {
		t.Errorf("seccomp.json is not what its list gives; run `go generate ./runner/sandbox` (-want +got):\n%s", diff)
	}
}

func TestSeccompDenies(t *testing.T) {
	for _, name := range deniedSyscalls() {
		if bytes.Contains([]byte(sandbox.Seccomp()), []byte(`"`+name+`"`)) {
			t.Errorf("seccomp.json names %s", name)
		}
	}
}

func TestSeccompKeeps(t *testing.T) {
	// The Java grader blocks /proc with Landlock; glibc falls back from clone3 only where it answers ENOSYS.
	for _, name := range []string{"landlock_create_ruleset", "clone3", "ptrace"} {
		if !bytes.Contains([]byte(sandbox.Seccomp()), []byte(`"`+name+`"`)) {
			t.Errorf("seccomp.json does not name %s", name)
		}
	}
}
