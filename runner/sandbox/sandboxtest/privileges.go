package sandboxtest

import (
	"fmt"
	"os"

	"github.com/slashgrade/slashgrade/runner/sandbox"
)

func privilegeTrials() trials {
	return trials{
		"capabilities of root":      rootCapabilities,
		"capabilities of others":    otherCapabilities,
		"what graders do":           gradersWork,
		"what is closed":            closed,
		"strict":                    strict,
		"private IPC":               privateIPC,
		"network only when enabled": network,
	}
}

// mask is the capabilities as /proc shows them.
func mask(capabilities []sandbox.Capability) string {
	var bits uint64
	for _, capability := range capabilities {
		bits |= 1 << capability.Number
	}
	return fmt.Sprintf("%016x", bits)
}

const showCapabilities = `awk '/^Cap/{sub(":",""); print $1 "=" $2}' /proc/self/status` + "\n"

// rootCapabilities are exactly the profile's, also after another exec and with nothing to get more from.
func rootCapabilities(t *trial) {
	all := mask(sandbox.Profiles()[sandbox.PrairieLearn].Capabilities)
	run := t.run(showCapabilities)
	t.want(run, map[string]string{"CapInh": mask(nil), "CapPrm": all, "CapEff": all, "CapBnd": all, "CapAmb": mask(nil)})

	few := small()
	few.Capabilities = []sandbox.Capability{{Name: "CHOWN", Number: 0}}
	run = t.job(&Job{Profile: few, Script: showCapabilities})
	chown := mask(few.Capabilities)
	t.want(run, map[string]string{"CapInh": mask(nil), "CapPrm": chown, "CapEff": chown, "CapBnd": chown, "CapAmb": mask(nil)})
}

func otherCapabilities(t *trial) {
	profile := small()
	profile.User = "1000"
	run := t.job(&Job{Profile: profile, Script: showCapabilities})
	t.want(run, map[string]string{
		"CapInh": mask(nil), "CapPrm": mask(nil), "CapEff": mask(nil), "CapBnd": mask(profile.Capabilities), "CapAmb": mask(nil),
	})
}

// gradersWork is what root graders of courses do around the student's code.
func gradersWork(t *trial) {
	run := t.job(&Job{
		Files: []File{{Name: "./student/code", Content: "x"}},
		Script: `
chown -R nobody /grade/student && chmod -R 700 /grade && echo chmod=yes
cat /grade/student/code >/dev/null && echo read=yes
chmod 755 /grade
echo su=$(su -s /bin/sh nobody -c 'id -u')
su -s /bin/sh nobody -c 'exec sleep 60' & 
until pid=$(grep -l '^sleep' /proc/[0-9]*/comm 2>/dev/null | head -1 | cut -d/ -f3) && [ -n "$pid" ]; do sleep 0.05; done
echo owner=$(stat -c %U /proc/$pid)
kill -KILL $pid && wait $!
echo killed=$?
`,
	})
	t.want(run, map[string]string{"chmod": "yes", "read": "yes", "su": "65534", "owner": "nobody", "killed": "137"})
}

// closed are the ways out, tried by root.
func closed(t *trial) {
	run := t.run(`
(echo x > /proc/1/fd/1) 2>/dev/null && echo fd=open || echo fd=closed
(echo x > /proc/1/fd/0) 2>/dev/null && echo stdin=open || echo stdin=closed
(head -c 1 /proc/1/mem) 2>/dev/null && echo mem=open || echo mem=closed
(cat /proc/1/environ) >/dev/null 2>&1 && echo environ=open || echo environ=closed
(cat /proc/1/maps) >/dev/null 2>&1 && echo maps=open || echo maps=closed
(readlink /proc/1/exe) >/dev/null 2>&1 && echo exe=open || echo exe=closed
mknod /tmp/null c 1 3 2>/dev/null && echo mknod=open || echo mknod=closed
mount -t tmpfs none /mnt 2>/dev/null && echo mount=open || echo mount=closed
umount /grade 2>/dev/null && echo umount=open || echo umount=closed
unshare -U true 2>/dev/null && echo userns=open || echo userns=closed
unshare -m true 2>/dev/null && echo mountns=open || echo mountns=closed
(echo x > /.slashgrade/guest) 2>/dev/null && echo guest=open || echo guest=closed
rm -f /.slashgrade/guest 2>/dev/null && echo volume=open || echo volume=closed
perl -e 'print "io_uring=", syscall(425, 1, 0) == -1 ? "closed" : "open", "\n"'
echo 0 > /proc/self/oom_score_adj 2>/dev/null; echo -1000 2>/dev/null > /proc/self/oom_score_adj && echo oom=open || echo oom=closed
ulimit -c unlimited 2>/dev/null && echo core=open || echo core=closed
cp /bin/sh /grade/sh && chmod 4755 /grade/sh && su -s /bin/sh nobody -c '/grade/sh -p -c "id -u"' | sed s/^/setuid=/
`)
	want := map[string]string{"setuid": "65534"}
	for _, name := range []string{
		"fd", "stdin", "mem", "environ", "maps", "exe", "mknod", "mount", "umount", "userns", "mountns", "guest", "volume", "io_uring",
		"oom", "core",
	} {
		want[name] = "closed"
	}
	t.want(run, want)
}

func strict(t *trial) {
	run := t.job(&Job{Profile: sandbox.Profiles()[sandbox.Strict], Script: showCapabilities + `
echo id=$(id -u):$(id -g)
touch /x /etc/x /root/x 2>/dev/null && echo root=writable || echo root=readonly
touch /tmp/x /var/tmp/x /dev/shm/x /grade/x && echo scratch=writable
grep ' / ' /proc/mounts | grep -q ' ro,' && echo mount=readonly
mkdir /grade/results && printf '{"score":0.5}' > /grade/results/results.json
`})
	t.want(run, map[string]string{
		"CapPrm": mask(nil), "CapEff": mask(nil), "CapBnd": mask(nil), "id": "1000:1000", "root": "readonly", "scratch": "writable",
		"mount": "readonly",
	})
	t.results(run, `{"score":0.5}`)
}

func privateIPC(t *trial) {
	run := t.run("echo ipc=$(readlink /proc/self/ns/ipc) pid=$(readlink /proc/self/ns/pid)")
	host, err := os.Readlink("/proc/self/ns/ipc")
	if err != nil {
		t.Skip("the host has no IPC namespaces to compare with")
	}
	if ipc := t.facts(run)["ipc"]; ipc == "" || ipc[:len(host)] == host {
		t.Errorf("the job's IPC namespace is %s, the host's %s", ipc, host)
	}
}

func network(t *trial) {
	const list = `echo links=$(ls /sys/class/net); echo routes=$(tail -n +2 /proc/net/route | wc -l)`
	t.want(t.run(list), map[string]string{"links": "lo", "routes": "0"})
	if got := t.facts(t.job(&Job{Script: list, Networking: true})); got["routes"] == "0" {
		t.Errorf("a job with networking found %v", got)
	}
}
