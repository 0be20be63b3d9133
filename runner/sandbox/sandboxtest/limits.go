package sandboxtest

import (
	"fmt"
	"strconv"
)

func limitTrials() trials {
	return trials{
		"processes":      processes,
		"memory and CPU": cgroupLimits,
		"tmpfs":          tmpfsMounts,
		"open files":     openFiles,
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
		"memory": fmt.Sprintf("%d swap=0", profile.ContainerBytes(image)), "cpu": "90",
	})
}

func tmpfsMounts(t *trial) {
	run := t.run(`
for folder in /grade /tmp /var/tmp /dev/shm; do
	echo $folder=$(df -B1 --output=size $folder | tail -1 | tr -d " ") $(awk -v f=$folder '$2 == f {print $3}' /proc/mounts)
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
