//go:build linux

package ociengine_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/ociengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/sandboxtest"

	"github.com/slashgrade/slashgrade/internal/testengine"
	"github.com/slashgrade/slashgrade/internal/testenv"
)

// lookAround prints what a job can see of its container.
const lookAround = `
exec 2>&1
ls -ld / /etc /root /tmp /var/tmp /grade /dev/shm /.slashgrade /.slashgrade/* /.dockerenv /etc/hosts /etc/hostname /etc/resolv.conf /etc/mtab |
	awk '{print "file", $1, $3, $4, $9, $10, $11}'
ls -l /dev | awk '{if ($1 ~ /^c/) print "device", $1, $3, $4, $5, $6, $10; else print "device", $1, $9, $10, $11}'
awk '{print "mount", $2, $3, $4}' /proc/mounts
sed 's/^/hosts /' /etc/hosts
sed 's/^/resolv /' /etc/resolv.conf
[ "$(cat /etc/hostname)" = "$(hostname)" ] && [ "$HOSTNAME" = "$(hostname)" ] && echo hostname $(hostname | wc -c)
env | sort | grep -v ^HOSTNAME= | sed 's/^/env /'
grep -E '^(Cap|NoNewPrivs|Seccomp|Groups|Uid|Gid|Sig(Ign|Blk|Pnd|Cgt)|Umask)' /proc/self/status | sed 's/^/status /'
ulimit -a | grep -v '^process ' | sed 's/^/limit /'
for f in kcore keys timer_list scsi acpi sysrq-trigger sys/kernel/core_pattern interrupts; do
	(head -c 1 /proc/$f | wc -c; echo x > /proc/$f) 2>&1 | sed "s|^|proc $f |"
done
for f in /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range; do echo sysctl $f $(cat $f); done
ls /sys/firmware /sys/class/net | sed 's/^/sys /'
ip link 2>/dev/null; cat /proc/net/dev | awk 'NR > 2 {print "link", $1}'
exit 0
`

// systemCalls prints which system calls answer EPERM or ENOSYS when they are called with nonsense: what the filter denies, beside what
// the kernel does.
const systemCalls = `
exec perl -e '
	my %skip = map { $_ => 1 } (15, 34, 37, 56, 57, 58, 60, 61, 231, 435); # they end or stop the caller, or fork
	my @calls = grep { !$skip{$_} } (0 .. 470);
	while (my @batch = splice(@calls, 0, 60)) {
		for my $call (@batch) {
			next if fork;
			alarm 1;
			my $got = syscall($call, -1, -1, -1, -1, -1, -1);
			syswrite(STDOUT, "call $call: " . ($! + 0) . "\n") if $got == -1 && ($! == 1 || $! == 38);
			kill "KILL", $$;
		}
		while (wait != -1) {}
	}
'
`

// TestSameAsDocker compares what jobs find in containers of this engine, however started, and of the Docker engine.
func TestSameAsDocker(t *testing.T) {
	guests := dockerengine.NewGuestFiles(testenv.Guest(t))
	docker := testengine.Open(t, "")
	engines := map[string]sandbox.Engine{}
	for kind, by := range makers() {
		engines[kind] = makeEngine(t, by, ociengine.Options{Dir: t.TempDir(), Docker: docker, Guests: guests})
	}
	for name, script := range map[string]string{"surroundings": lookAround, "system calls": systemCalls} {
		for _, profile := range []string{sandbox.PrairieLearn, sandbox.Strict} {
			job := &sandboxtest.Job{Script: script, Profile: sandbox.Profiles()[profile]}
			want := seenBy(t, docker, job)
			if len(want) < 20 {
				t.Errorf("the job saw only %q", want)
			}
			for kind, engine := range engines {
				t.Run(name+", "+profile+", "+kind, func(t *testing.T) { compare(t, want, engine, job) })
			}
		}
	}
}

// compare runs the job twice: by namespaces, the first container is made by the runtime.
func compare(t *testing.T, want []string, engine sandbox.Engine, job *sandboxtest.Job) {
	t.Helper()
	for range 2 {
		if diff := cmp.Diff(want, seenBy(t, engine, job)); diff != "" {
			t.Errorf("a job sees another container (-docker +here):\n%s", diff)
		}
	}
}

// seenBy are the lines that a job prints in a container of the engine.
func seenBy(t *testing.T, engine sandbox.Engine, job *sandboxtest.Job) []string {
	t.Helper()
	run := (&sandboxtest.Bench{Engine: engine, Runner: "parity"}).Run(t, job)
	if run.Ended == nil || run.Ended.Status != 0 {
		t.Fatalf("the job ended with %+v: %s", run.Ended, run.Output)
	}
	return plain(run.Output)
}

// plain leaves out what may differ.
func plain(output string) []string {
	var lines []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		for pattern, replacement := range differences() {
			line = pattern.ReplaceAllString(line, replacement)
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

// differences are the lines' patterns that may differ, and what of a line is compared.
func differences() map[*regexp.Regexp]string {
	return map[*regexp.Regexp]string{
		// The root's and the guest's file systems are others, and named otherwise.
		regexp.MustCompile(`^(mount / overlay r[ow]),.*`):          "$1",
		regexp.MustCompile(`^(mount /\.slashgrade) \S+ (ro),\S*$`): "$1 $2",
		// The Docker engine gives a container without a network no names, and localhost is one.
		regexp.MustCompile(`^(file|mount|hosts|resolv) (.* )?/etc/(hosts|hostname|resolv.conf).*|^(hosts|resolv) .*`): "",
		// These are masked by newer releases of it only.
		regexp.MustCompile(`^(mount|proc) (/proc/)?interrupts .*|^mount /sys/devices/virtual/powercap .*`): "",
	}
}
