package sandbox_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
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

// restrictedSyscalls are allowed by the engines' default list and here only as far as the rules say. They take a disk without writing to it:
// a job of one instant would fill the host's, long before the guest looks at it.
func restrictedSyscalls() map[string][]*seccomp.Syscall {
	unsupported := uint(syscall.EOPNOTSUPP) // what some file systems answer, and what C libraries and databases do without
	return map[string][]*seccomp.Syscall{
		"fallocate": {{
			LinuxSyscall: specs.LinuxSyscall{Names: []string{"fallocate"}, Action: specs.ActErrno, ErrnoRet: &unsupported},
			Comment:      "it takes a disk without writing to it",
		}},
		"ioctl": ioctlsBut('X'),
	}
}

// ioctlsBut allows ioctl with every request but those of one type, which is the second byte: rules can compare bits for equality only. Of the
// type X are the file systems' requests that allocate, freeze and trim.
func ioctlsBut(kind byte) []*seccomp.Syscall {
	var rules []*seccomp.Syscall
	for bit := range 8 {
		mask := uint64(1) << (8 + bit)
		rules = append(rules, &seccomp.Syscall{LinuxSyscall: specs.LinuxSyscall{
			Names: []string{"ioctl"}, Action: specs.ActAllow,
			Args: []specs.LinuxSeccompArg{{Index: 1, Op: specs.OpMaskedEqual, Value: mask, ValueTwo: mask &^ (uint64(kind) << 8)}},
		}})
	}
	return rules
}

func TestSeccompIsCurrent(t *testing.T) {
	profile := seccomp.DefaultProfile()
	denied, restricted := deniedSyscalls(), restrictedSyscalls()
	for _, rule := range profile.Syscalls {
		rule.Names = slices.DeleteFunc(rule.Names, func(name string) bool { return slices.Contains(denied, name) || restricted[name] != nil })
	}
	profile.Syscalls = slices.DeleteFunc(profile.Syscalls, func(rule *seccomp.Syscall) bool { return len(rule.Names) == 0 })
	for _, name := range slices.Sorted(maps.Keys(restricted)) {
		profile.Syscalls = append(profile.Syscalls, restricted[name]...)
	}
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
