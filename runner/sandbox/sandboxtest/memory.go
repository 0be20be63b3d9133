package sandboxtest

func memoryTrials() trials {
	return trials{
		"the entrypoint takes all": func(t *trial) { exhausted(t, "exec tail /dev/zero") },
		"from many processes": func(t *trial) {
			exhausted(t, "for i in 1 2 3 4 5 6 7 8; do tail /dev/zero & done; wait; exec tail /dev/zero")
		},
		"with full tmpfs":          func(t *trial) { exhausted(t, fillMemory+"cat /dev/zero > /dev/fill; exec tail /dev/zero") },
		"oom_score_adj lowered":    func(t *trial) { exhausted(t, "echo 0 > /proc/self/oom_score_adj; exec tail /dev/zero") },
		"in a child":               memoryInChild,
		"shared memory is bounded": boundedTmpfs,
	}
}

// fillMemory fills what is memory of the container beside the job's own.
const fillMemory = `
for folder in /dev/shm /tmp /var/tmp /grade; do cat /dev/zero > $folder/fill 2>/dev/null; done
`

// exhausted ends the job for its memory, and the guest lives to tell it.
func exhausted(t *trial, script string) {
	run := t.job(&Job{Profile: small(), Script: script})
	ended := t.ended(run)
	if !ended.OutOfMemory || ended.Signal != 9 || ended.TimedOut {
		t.Errorf("ended with %+v, want SIGKILL for memory", ended)
	}
	t.noResults(run)
}

// memoryInChild is survived by its parent: the results count, and the report tells.
func memoryInChild(t *trial) {
	run := t.job(&Job{Profile: small(), Script: "tail /dev/zero; " + writeScore})
	t.results(run, `{"score":0}`)
	if !run.Ended.OutOfMemory || run.Ended.MemoryPeak < small().MemoryBytes {
		t.Errorf("ended with %+v, want it to tell of the memory", run.Ended)
	}
}

func boundedTmpfs(t *trial) {
	run := t.job(&Job{Profile: small(), Script: fillMemory + `
for folder in /dev/shm /tmp /var/tmp /grade; do echo $folder=$(stat -c %s $folder/fill); done
echo inodes=$(i=0; rm /grade/fill; while true > /grade/f$i; do i=$((i+1)); done 2>/dev/null; ls /grade | wc -l)
` + "rm /grade/f*; " + writeScore})
	t.want(run, map[string]string{"/dev/shm": "8388608", "/tmp": "16777216", "/var/tmp": "16777216"})
	t.results(run, `{"score":0}`)
	if run.Ended.OutOfMemory {
		t.Errorf("full tmpfs alone ended a process: %+v", run.Ended)
	}
	if files := t.facts(run)["inodes"]; len(files) != 4 {
		t.Errorf("/grade took %s files, its limit is %d inodes", files, small().GradeInodes)
	}
}
