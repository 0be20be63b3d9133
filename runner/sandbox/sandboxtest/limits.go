package sandboxtest

import (
	"fmt"
	"runtime"
	"strconv"
)

func limitTrials() trials {
	return trials{
		"processes":      processes,
		"memory and CPU": cgroupLimits,
		"tmpfs":          tmpfsMounts,
		"open files":     openFiles,
		"file size":      fileSize,
		"entries":        scratchEntries,
		"core dumps":     coreDumps,
		"locked memory":  lockedMemory,
		"System V":       systemV,
		"POSIX queues":   posixQueues,
		"signals":        pendingSignals,
		"own devices":    ownDevices,
		"memory at its most": func(t *trial) {
			t.results(t.job(&Job{Profile: small(), Script: "head -c 40000000 /dev/zero | tail -c 40000000 > /dev/null; " + writeScore}), `{"score":0}`)
		},
	}
}

// processes are bounded, and the guest can still do its work when no more can be made.
func processes(t *trial) {
	profile := small()
	run := t.job(&Job{Profile: profile, Script: writeScore + `
perl -e '
	my ($count, $failed) = (0, 0);
	for (1 .. 500) {
		my $pid = fork;
		if (!defined $pid) { $failed = 1; last }
		if (!$pid) { sleep 1000; exit }
		$count++;
	}
	print "count=$count\nfailed=$failed\n";
	sleep 2;
'`})
	t.results(run, `{"score":0}`)
	facts := t.facts(run)
	count, _ := strconv.ParseInt(facts["count"], 10, 64)
	const guestsOwn = 32
	if facts["failed"] != "1" || count < profile.Processes/2 || count > profile.Processes+guestsOwn {
		t.Errorf("%s processes could be made, the profile's limit is %d", facts["count"], profile.Processes)
	}
}

// cgroupLimits are as the profile says, whichever version of cgroups the host has.
func cgroupLimits(t *trial) {
	profile := small()
	image, err := t.Engine.Image(t.Context(), "debian:trixie-slim")
	if err != nil {
		t.Fatal(err)
	}
	run := t.job(&Job{Profile: profile, Script: `
cd /sys/fs/cgroup
if [ -e memory.max ]; then
	echo memory=$(cat memory.max) swap=$(cat memory.swap.max)
	echo cpu=$(awk '{print $1 * 100 / $2}' cpu.max)
else
	echo memory=$(cat memory/memory.limit_in_bytes) swap=$(($(cat memory/memory.memsw.limit_in_bytes) - $(cat memory/memory.limit_in_bytes)))
	echo cpu=$(($(cat cpu/cpu.cfs_quota_us) * 100 / $(cat cpu/cpu.cfs_period_us)))
fi
`})
	t.want(run, map[string]string{
		"memory": fmt.Sprintf("%d swap=0", t.containerBytes(profile, image)), "cpu": "90",
	})
}

func tmpfsMounts(t *trial) {
	run := t.run(`
for folder in /grade /tmp /var/tmp /dev/shm; do
	echo $folder=$(df -B1 --output=size $folder | tail -1 | tr -d " ") $(awk -v f=$folder '$2 == f {print $3}' /proc/mounts | sort -u)
	for option in rw nosuid nodev; do awk -v f=$folder '$2 == f {print "," $4 ","}' /proc/mounts | grep -q ",$option," || echo lacks=$folder:$option; done
done
echo inodes=$(df --output=itotal /grade | tail -1)
printf '#!/bin/sh\necho exec=yes\n' > /tmp/x && chmod +x /tmp/x && /tmp/x
echo lacks=none
`)
	t.want(run, map[string]string{
		"/grade": "1073741824 tmpfs", "/tmp": "536870912 tmpfs", "/var/tmp": "536870912 tmpfs", "/dev/shm": "67108864 tmpfs",
		"inodes": "200000", "exec": "yes", "lacks": "none",
	})
}

func openFiles(t *trial) {
	profile := small()
	profile.OpenFiles = 256
	run := t.job(&Job{Profile: profile, Script: `
echo soft=$(ulimit -n) hard=$(ulimit -H -n)
perl -e 'my @open; while (1) { open(my $f, "<", "/dev/null") or last; push @open, $f } print "most=", @open + 3, "\n"'
`})
	t.want(run, map[string]string{"soft": "256 hard=256", "most": "256"})
}

// fileSize ends no job: the write past the limit fails, where the program does not take the signal for its end.
func fileSize(t *trial) {
	profile := small()
	profile.FileBytes = 1 << 20
	run := t.job(&Job{Profile: profile, Script: `
for folder in /grade /tmp /dev/shm /root; do
	(trap "" XFSZ; head -c 3000000 /dev/zero > $folder/large) 2>/dev/null && echo $folder=written || echo $folder=$(stat -c %s $folder/large)
done
truncate -s 5G /grade/sparse 2>/dev/null && echo sparse=made || echo sparse=refused
head -c 3000000 /dev/zero > /grade/killed
echo status=$?
`})
	t.want(run, map[string]string{
		"/grade": "1048576", "/tmp": "1048576", "/dev/shm": "1048576", "/root": "1048576", "sparse": "refused", "status": "153",
	})
}

func scratchEntries(t *trial) {
	profile := small()
	profile.ScratchInodes, profile.GradeInodes = 200, 300
	run := t.job(&Job{Profile: profile, Script: `
for folder in /tmp /var/tmp /grade; do
	echo $folder=$(($(df --output=itotal $folder | tail -1)))
	perl -e '$_ = 0; while ($_ < 1000 and open my $f, ">", "$ARGV[0]/f$_") { $_++ } print "$ARGV[0]:made=$_\n"' $folder
done
`})
	facts := t.facts(run)
	t.want(run, map[string]string{"/tmp": "200", "/var/tmp": "200", "/grade": "300"})
	for folder, most := range map[string]int{"/tmp": 200, "/var/tmp": 200, "/grade": 300} {
		if made, err := strconv.Atoi(facts[folder+":made"]); err != nil || made < most/2 || made >= most {
			t.Errorf("%s took %s files, its limit is %d", folder, facts[folder+":made"], most)
		}
	}
}

// coreDumps are made by the host's kernel, where the host says: in a file, or by a program that runs as its root.
func coreDumps(t *trial) {
	run := t.run(`
echo soft=$(ulimit -c) hard=$(ulimit -H -c)
cd /grade; perl -e 'kill "ABRT", $$'
echo status=$?
echo left=$(ls | grep -c core)
perl -e 'kill "QUIT", $$; sleep 5'; perl -e 'kill "SEGV", $$; sleep 5'
echo more=$(ls | grep -c core)
`)
	t.want(run, map[string]string{"soft": "0 hard=0", "status": "134", "left": "0", "more": "0"})
}

// lockedMemory cannot be swapped out, which harms other containers; what an engine allows differs with how it was started.
func lockedMemory(t *trial) {
	run := t.run(`
echo soft=$(ulimit -l) hard=$(ulimit -H -l)
ulimit -l 128 2>/dev/null && echo raised=yes || echo raised=no
`)
	t.want(run, map[string]string{"soft": "64 hard=64", "raised": "no"})
}

// systemV objects live as long as their namespace, so a job could fill it with what no process holds.
func systemV(t *trial) {
	profile := small()
	run := t.job(&Job{Profile: profile, Script: `perl -e '
use constant IPC_PRIVATE => 0;
my $mode = 01600; # IPC_CREAT, for the owner
my ($bytes, $segments, $queues, $sets) = (0, 0, 0, 0);
print "large=", defined(shmget(IPC_PRIVATE, 16 << 20, $mode)) ? "made" : "refused", "\n";
while ($bytes < (1 << 30) and defined shmget(IPC_PRIVATE, 1 << 20, $mode)) { $bytes += 1 << 20 }
while ($segments < 10000 and defined shmget(IPC_PRIVATE, 1, $mode)) { $segments++ }
while ($queues < 10000 and defined msgget(IPC_PRIVATE, $mode)) { $queues++ }
while ($sets < 10000 and defined semget(IPC_PRIVATE, 1, $mode)) { $sets++ }
print "bytes=$bytes\nsegments=", $segments < 10000 ? "bounded" : "free", "\nqueues=$queues\nsets=$sets\n"'`})
	t.want(run, map[string]string{
		"large": "refused", "bytes": strconv.FormatInt(profile.SharedBytes, 10), "segments": "bounded", "queues": "128", "sets": "64",
	})
}

// posixQueues are made by number, as perl has no function for it: mq_open(name, O_CREAT|O_RDWR, 0600, NULL).
func posixQueues(t *trial) {
	profile := small()
	profile.QueueBytes = 200 << 10 // two queues of ten messages of 8 KiB, the kernel's default size
	number, ok := map[string]int{"amd64": 240, "arm64": 180}[runtime.GOARCH]
	if !ok {
		t.Skip("the number of mq_open is not known here")
	}
	run := t.job(&Job{Profile: profile, Script: fmt.Sprintf(`perl -e '
my $made = 0;
$made++ while $made < 100 and syscall(%d, "queue$made", 0102, 0600, 0) >= 0;
print "made=$made\n"'`, number)})
	t.want(run, map[string]string{"made": "2"})
}

func pendingSignals(t *trial) {
	profile := small()
	profile.Signals = 100
	t.want(t.job(&Job{Profile: profile, Script: "awk '/pending signals/ {print \"soft=\" $4 \" hard=\" $5}' /proc/self/limits"}),
		map[string]string{"soft": "100 hard=100"})
}

// ownDevices are the engine's tmpfs, which have no limit of their own: nothing can be written there, and devices work all the same.
func ownDevices(t *trial) {
	run := t.run(`
for folder in /dev /sys/fs/cgroup /dev/pts /sys /proc; do (echo x > $folder/fill) 2>/dev/null && echo $folder=open || echo $folder=closed; done
echo x > /dev/null && echo null=works
echo x > /dev/shm/x && echo shm=works
ls -l /dev/fd/ >/dev/null && echo fd=works
head -c 10 /dev/urandom | wc -c | sed s/^/random=/
mount -o remount,rw /dev 2>/dev/null && echo remount=open || echo remount=closed
`)
	t.want(run, map[string]string{
		"/dev": "closed", "/sys/fs/cgroup": "closed", "/dev/pts": "closed", "/sys": "closed", "/proc": "closed", "null": "works",
		"shm": "works", "fd": "works", "random": "10", "remount": "closed",
	})
}
