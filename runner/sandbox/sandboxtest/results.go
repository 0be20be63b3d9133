package sandboxtest

import (
	"strings"

	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// result is a way to leave results.json, and what the runner must make of it.
type result struct {
	script string
	state  guest.ResultsState
	reason string // a part of it
	size   int    // of what is read
}

func resultTrials() trials {
	list := trials{}
	for name, result := range results() {
		list[name] = result.run
	}
	return list
}

func (r result) run(t *trial) {
	run := t.run("cd /grade\n" + r.script)
	t.status(run, 0)
	if run.ResultsEnd == nil || run.ResultsEnd.State != r.state || !strings.Contains(run.ResultsEnd.Reason, r.reason) {
		t.Errorf("results %+v, want them %s, for %q", run.ResultsEnd, r.state, r.reason)
	}
	if len(run.Results) != r.size {
		t.Errorf("%d bytes of results came (%.100q), want %d", len(run.Results), run.Results, r.size)
	}
}

func results() map[string]result {
	const file = "mkdir results; "
	return map[string]result{
		"nothing":               {script: "true", state: guest.ResultsMissing, reason: "/grade/results"},
		"empty folder":          {script: file, state: guest.ResultsMissing, reason: "results.json"},
		"empty file":            {script: file + ": > results/results.json", state: guest.ResultsRead},
		"small":                 {script: file + "printf '{}' > results/results.json", state: guest.ResultsRead, size: 2},
		"exactly 1 MiB":         {script: file + "head -c 1048576 /dev/zero > results/results.json", state: guest.ResultsRead, size: sandbox.MaxResults},
		"a byte over 1 MiB":     {script: file + "head -c 1048577 /dev/zero > results/results.json", state: guest.ResultsTooLarge},
		"60 MB":                 {script: file + "head -c 60000000 /dev/zero > results/results.json", state: guest.ResultsTooLarge},
		"5 GB, all holes":       {script: file + "truncate -s 5G results/results.json", state: guest.ResultsTooLarge},
		"link to passwd":        {script: file + "ln -s /etc/passwd results/results.json", state: guest.ResultsUnreadable, reason: "symbolic link"},
		"link inside":           {script: file + "echo '{}' > x; ln -s ../x results/results.json", state: guest.ResultsUnreadable, reason: "symbolic link"},
		"folder is a link":      {script: "mkdir /tmp/r; echo '{}' > /tmp/r/results.json; ln -s /tmp/r results", state: guest.ResultsUnreadable, reason: "link"},
		"magic link":            {script: file + "ln -s /proc/self/fd/0 results/results.json", state: guest.ResultsUnreadable, reason: "symbolic link"},
		"FIFO":                  {script: file + "mkfifo results/results.json", state: guest.ResultsUnreadable, reason: "not a file"},
		"FIFO as the folder":    {script: "mkfifo results", state: guest.ResultsUnreadable, reason: "not a folder"},
		"folder":                {script: "mkdir -p results/results.json", state: guest.ResultsUnreadable, reason: "not a file"},
		"file as the folder":    {script: "echo '{}' > results", state: guest.ResultsUnreadable, reason: "not a folder"},
		"link to a device":      {script: file + "ln -s /dev/zero results/results.json", state: guest.ResultsUnreadable, reason: "symbolic link"},
		"device":                {script: file + "mknod results/results.json c 1 5 2>/dev/null; true", state: guest.ResultsMissing},
		"socket":                {script: file + `perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "/grade/results/results.json", Listen => 1) or die'`, state: guest.ResultsUnreadable, reason: "socket"},
		"mode 000":              {script: file + "echo '{}' > results/results.json; chmod 000 results/results.json results .", state: guest.ResultsRead, size: 3},
		"hard link":             {script: file + "echo '{}' > x; ln x results/results.json", state: guest.ResultsRead, size: 3},
		"another user's":        {script: file + "echo '{}' > results/results.json; chown -R nobody results; chmod -R 700 results", state: guest.ResultsRead, size: 3},
		"deleted while it runs": {script: file + "exec 3> results/results.json; rm results/results.json; echo '{}' >&3", state: guest.ResultsMissing},
	}
}
