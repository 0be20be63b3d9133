package hostile_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// The tests of this file switch defences off and hold that the cases notice: a suite that cannot fail proves nothing. They run on the
// local engine by way of a tap that changes what the runner asks of it.

// weakening is a defence that is switched off, and a case that notices.
type weakening struct {
	what    string
	noticed string // group/name
	ask     func(config, host map[string]any)
	profile func(*sandbox.Profile)
}

func weakenings(canary string) []weakening {
	const gib = 1 << 30
	return []weakening{
		{what: "a capability more", noticed: "escape/capabilities", profile: func(p *sandbox.Profile) {
			p.Capabilities = append(p.Capabilities, sandbox.Capability{Name: "SYS_CHROOT", Number: 18})
		}},
		{what: "no filter of system calls", noticed: "escape/calls-for-programs-in-the-kernel", ask: func(_, host map[string]any) {
			host["SecurityOpt"] = []string{"no-new-privileges", "seccomp=unconfined"}
		}},
		{what: "a disk that is taken without writing", noticed: "process/allocates-the-root", ask: func(_, host map[string]any) {
			host["SecurityOpt"] = []string{"no-new-privileges", "seccomp=unconfined"}
		}},
		{what: "new privileges", noticed: "escape/set-uid-program", ask: func(_, host map[string]any) {
			host["SecurityOpt"] = slices.DeleteFunc(texts(host["SecurityOpt"]), func(option string) bool { return option == "no-new-privileges" })
		}},
		{what: "set-uid programs in /tmp", noticed: "escape/mount-options", ask: tmpfsWithout("nosuid")},
		{what: "devices in /tmp", noticed: "escape/mount-options", ask: tmpfsWithout("nodev")},
		{what: "a network", noticed: "escape/network-interfaces", ask: func(config, host map[string]any) {
			config["NetworkDisabled"], host["NetworkMode"] = false, "bridge"
		}},
		{what: "the engine's socket", noticed: "escape/engine-socket", ask: func(_, host map[string]any) {
			host["Binds"] = []string{canary + ":/var/run/docker.sock"}
		}},
		{what: "a folder of the host", noticed: "escape/host-file-by-its-path", ask: func(_, host map[string]any) {
			host["Binds"] = []string{canary + ":" + canary}
		}},
		{what: "the kernel's settings", noticed: "escape/kernel-settings", ask: unmask},
		{what: "open files", noticed: "process/open-files", ask: func(_, host map[string]any) {
			host["Ulimits"] = []map[string]any{{"Name": "nofile", "Soft": 18_000, "Hard": 18_000}, {"Name": "core"}}
		}},
		{what: "core dumps", noticed: "process/leaves-no-core", ask: func(_, host map[string]any) {
			host["Ulimits"] = []map[string]any{{"Name": "core", "Soft": -1, "Hard": -1}}
		}},
		{what: "more processes", noticed: "process/process-table-limited", profile: func(p *sandbox.Profile) { p.Processes = 1000 }},
		{what: "more memory", noticed: "process/memory-hog", profile: func(p *sandbox.Profile) { p.MemoryBytes = 512 << 20 }},
		{what: "more of /tmp", noticed: "process/fills-tmp", profile: func(p *sandbox.Profile) { p.ScratchBytes = 256 << 20 }},
		{what: "more of /dev/shm", noticed: "process/fills-dev-shm", profile: func(p *sandbox.Profile) { p.SharedBytes = 256 << 20 }},
		{what: "more of the disk", noticed: "escape/files-of-the-engine", profile: func(p *sandbox.Profile) { p.DiskBytes = 2 * gib }},
		{what: "more entries", noticed: "archive/folders-25000", profile: func(p *sandbox.Profile) { p.GradeInodes = 100_000 }},
	}
}

// unmask shows what engines hide of /proc and lets it be written.
func unmask(_, host map[string]any) {
	host["MaskedPaths"], host["ReadonlyPaths"] = []string{}, []string{}
}

// strongCapabilities are those that would lead out of the container, as far as this machine's own root has them.
func strongCapabilities(t *testing.T) []sandbox.Capability {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "CapBnd:")
	mask, err := strconv.ParseUint(strings.Fields(rest)[0], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	strong := []sandbox.Capability{
		{Name: "DAC_READ_SEARCH", Number: 2},
		{Name: "NET_ADMIN", Number: 12},
		{Name: "NET_RAW", Number: 13},
		{Name: "SYS_MODULE", Number: 16},
		{Name: "SYS_RAWIO", Number: 17},
		{Name: "SYS_CHROOT", Number: 18},
		{Name: "SYS_PTRACE", Number: 19},
		{Name: "SYS_PACCT", Number: 20},
		{Name: "SYS_ADMIN", Number: 21},
		{Name: "SYS_BOOT", Number: 22},
		{Name: "SYS_NICE", Number: 23},
		{Name: "SYS_RESOURCE", Number: 24},
		{Name: "SYS_TIME", Number: 25},
		{Name: "MKNOD", Number: 27},
		{Name: "SETFCAP", Number: 31},
		{Name: "SYSLOG", Number: 34},
	}
	return slices.DeleteFunc(strong, func(c sandbox.Capability) bool { return mask&(1<<c.Number) == 0 })
}

// tmpfsWithout drops an option from every tmpfs.
func tmpfsWithout(option string) func(config, host map[string]any) {
	return func(_, host map[string]any) {
		folders, _ := host["Tmpfs"].(map[string]any)
		for path, options := range folders {
			folders[path] = strings.ReplaceAll(fmt.Sprint(options), option, strings.TrimPrefix(option, "no"))
		}
	}
}

func texts(list any) []string {
	var all []string
	items, _ := list.([]any)
	for _, item := range items {
		all = append(all, fmt.Sprint(item))
	}
	return all
}

func TestWeakDefencesAreNoticed(t *testing.T) {
	tap := newTap(t)
	b := newBenchOn(t, &place{kind: kindDocker, profile: sandbox.PrairieLearn}, tap.address)
	all := casesByName(t)
	for _, w := range weakenings(b.host.folder) {
		t.Run(w.what, func(t *testing.T) {
			c, ok := all[w.noticed]
			if !ok {
				t.Fatalf("there is no case %s", w.noticed)
			}
			tap.turn(w.ask)
			b.weaken = w.profile
			judged := &verdict{T: t}
			b.check(judged, c, b.grade(t, judged, c))
			if len(judged.wrong) == 0 {
				t.Errorf("with %s the case %s passes", w.what, w.noticed)
			}
		})
	}
}

// Each attack on the sandbox works where nothing defends it, except where the case says why not: else it would prove nothing that it
// fails elsewhere. The scripts ask for nothing that would harm the machine if they got it.
func TestAttacksWorkWithoutDefences(t *testing.T) {
	tap := newTap(t)
	b := newBenchOn(t, &place{kind: kindDocker, profile: sandbox.PrairieLearn}, tap.address)
	tap.turn(func(config, host map[string]any) {
		host["SecurityOpt"] = []string{"seccomp=unconfined", "apparmor=unconfined"}
		config["NetworkDisabled"], host["NetworkMode"] = false, "bridge"
		host["Devices"] = []map[string]string{{"PathOnHost": "/dev/null", "PathInContainer": "/dev/kvm", "CgroupPermissions": "rwm"}}
		host["DeviceCgroupRules"] = []string{"a *:* rwm"}
		unmask(config, host)
		tmpfsWithout("nosuid")(config, host)
		tmpfsWithout("nodev")(config, host)
	})
	b.weaken = func(p *sandbox.Profile) { p.Capabilities = append(p.Capabilities, strongCapabilities(t)...) }
	slots := make(chan struct{}, atOnce)
	for _, c := range readCases(t, "escape") {
		if c.settings.NoControl != "" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			judged := &verdict{T: t}
			got := b.grade(t, judged, c)
			b.check(judged, c, got)
			if len(judged.wrong) == 0 {
				t.Errorf("the attack does not work even without defences; its log:\n%.3000s", got.log)
			}
		})
	}
}

// verdict collects what is wrong with a case that must fail.
type verdict struct {
	*testing.T
	wrong []string
}

// Errorf implements [judge].
func (v *verdict) Errorf(format string, args ...any) {
	v.wrong = append(v.wrong, fmt.Sprintf(format, args...))
}

// Logf implements [judge].
func (v *verdict) Logf(string, ...any) {}

// Failed implements [judge].
func (v *verdict) Failed() bool { return len(v.wrong) > 0 }

func casesByName(t *testing.T) map[string]*hostileCase {
	t.Helper()
	all := map[string]*hostileCase{}
	for _, group := range groups() {
		for _, c := range readCases(t, group) {
			all[group+"/"+c.name] = c
		}
	}
	return all
}
