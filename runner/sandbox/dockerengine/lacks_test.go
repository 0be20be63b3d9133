package dockerengine_test

import (
	"testing"

	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
)

// lacks are what does not hold in a runtime of the engine, by the suite's names, and why. docs/operating.md tells operators.
func lacks(t *testing.T, engine *dockerengine.Engine, runtime string) map[string]string {
	t.Helper()
	about, err := engine.Describe(t.Context())
	switch {
	case err != nil:
		t.Fatal(err)
		return nil
	case runtime == "runsc":
		return lacksOfGVisor()
	case about.Podman:
		return lacksOfPodman()
	default:
		return nil
	}
}

func lacksOfGVisor() map[string]string {
	const (
		wholeEnds = "full memory, or no process left, ends the whole sandbox, and the guest with it"
		entries   = "gVisor's tmpfs knows no limit of its entries; the container's memory is the limit"
		signals   = "some signals of a root job end PID 1"
		shown     = "it is not shown inside, where the trial looks; the host's cgroup has it"
		own       = "gVisor takes no filter of ours, and answers by itself"
	)
	return map[string]string{
		"memory/with full tmpfs":               wholeEnds,
		"memory/from many processes":           wholeEnds,
		"memory/the entrypoint takes all":      wholeEnds,
		"memory/in a child":                    wholeEnds,
		"memory/oom_score_adj lowered":         wholeEnds,
		"memory/shared memory is bounded":      wholeEnds,
		"ends/time-out: fork and exec bomb":    wholeEnds,
		"ends/time-out: fork bomb":             wholeEnds,
		"limits/processes":                     wholeEnds,
		"disk/many empty files":                wholeEnds,
		"limits/tmpfs":                         entries,
		"limits/entries":                       entries,
		"start/volumes":                        entries,
		"archives/too many folders":            entries,
		"limits/memory and CPU":                shown,
		"trial/works":                          shown,
		"start/surroundings":                   own,
		"privileges/what is closed":            own,
		"privileges/network only when enabled": "there is no /sys/class/net; `escape/network-interfaces` of the hostile jobs looks elsewhere",
		"limits/own devices":                   "/dev is writable; it lies in memory",
		"limits/POSIX queues":                  "they know no limit but the container's memory",
		"limits/System V":                      "they know no limit but the container's memory",
		"start/program: one argument too long": "it is refused with another word",
		"survival/signals by sigqueue":         signals,
		"survival/every signal":                signals,
	}
}

func lacksOfPodman() map[string]string {
	const (
		entries = "Podman passes no limit of entries on; the container's memory is the limit"
		volumes = "Podman makes every volume of the image in memory, with what the image has in it"
	)
	return map[string]string{
		"limits/tmpfs":                    entries,
		"limits/entries":                  entries,
		"archives/too many folders":       entries,
		"memory/shared memory is bounded": entries,
		"start/volumes":                   volumes,
		"disk/a volume on disk":           volumes,
		"limits/own devices":              "/dev and the folder above the cgroups are writable; both lie in memory",
	}
}
