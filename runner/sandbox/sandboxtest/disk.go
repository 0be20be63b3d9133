package sandboxtest

import "time"

func diskTrials() trials {
	list := trials{
		"little is free": func(t *trial) {
			t.results(t.job(&Job{Profile: small(), Script: "head -c 20000000 /dev/zero > /root/a; ln /root/a /root/b; ln /root/a /root/c; ln /root/a /root/d; sleep 1; " + writeScore}), `{"score":0}`)
		},
		"a volume on disk": func(t *trial) {
			image := t.Build(t.T, "RUN mkdir /data && echo kept > /data/file", "VOLUME /data")
			diskFull(t, &Job{Image: image, Script: "cat /dev/zero > /data/fill; sleep 1000"})
		},
	}
	for name, script := range diskFillers() {
		list[name] = func(t *trial) { diskFull(t, &Job{Script: script}) }
	}
	return list
}

// diskFillers write more than the small profile allows, each in its own way. They wait at the end, so that the watch sees them.
func diskFillers() map[string]string {
	return map[string]string{
		"one file of 3 GB":     "head -c 3000000000 /dev/zero > /root/fill; sleep 1000",
		"a deleted file":       "exec 3> /root/fill; rm /root/fill; head -c 1000000000 /dev/zero >&3; sleep 1000",
		"many files":           "mkdir /root/many; cd /root/many; i=0; while :; do head -c 1000000 /dev/zero > f$i; i=$((i+1)); done",
		"many empty files":     `mkdir /root/many; cd /root/many; perl -e 'for (1 .. 60000) { open(my $f, ">", "f$_") }'; sleep 1000`,
		"behind long names":    "cd /root; n=$(printf %0250d 0); for i in $(seq 20); do mkdir $n; cd $n; done; cat /dev/zero > fill; sleep 1000",
		"in endless folders":   `cd /root; perl -e 'for (1 .. 400) { mkdir "d"; chdir "d" } open(my $f, ">", "fill"); while (1) { print $f "x" x 1000000 }'`,
		"through a bind mount": "cat /dev/zero > /etc/hosts; sleep 1000",
		"holes filled later":   "truncate -s 1G /root/fill; dd if=/dev/zero of=/root/fill bs=1M seek=100 count=300 conv=notrunc 2>/dev/null; sleep 1000",
	}
}

func diskFull(t *trial, job *Job) {
	job.Profile, job.Timeout = small(), time.Minute
	run := t.job(job)
	if ended := t.ended(run); !ended.DiskFull || ended.TimedOut {
		t.Errorf("ended with %+v, want it ended for the disk\noutput: %.500s", ended, run.Output)
	}
	t.noResults(run)
}
