package sandboxtest

import (
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
)

func startTrials() trials {
	list := trials{
		"surroundings":        surroundings,
		"environment":         environment,
		"times":               times,
		"working directory":   workingDirectory,
		"guest says hello":    hello,
		"results never made":  resultsFolder,
		"volumes":             volumes,
		"image's description": imageDescription,
	}
	for name, program := range programs() {
		list["program: "+name] = program.run
	}
	return list
}

// surroundings are what a process of a job finds itself in.
func surroundings(t *trial) {
	run := t.run(`
echo stdin=$(readlink /proc/self/fd/0)
for fd in 1 2; do case $(readlink /proc/$$/fd/$fd) in pipe:*) echo fd$fd=pipe;; *) echo fd$fd=other;; esac; done
echo open=$(ls /proc/self/fd) # the last one is the list's own
echo parent=$PPID
echo directory=$(pwd)
echo umask=$(umask)
echo core=$(ulimit -c) hard=$(ulimit -H -c)
echo oom=$(cat /proc/self/oom_score_adj)
awk '/^Sig(Ign|Blk)|^NoNewPrivs|^Seccomp:/{sub(":",""); print $1 "=" $2}' /proc/self/status
echo network=$(ls /sys/class/net)
[ -e /dev/console ] && echo console=there || echo console=none
echo session=$(awk '{print $6 == $4 || $6 == $1}' /proc/$$/stat)
`)
	t.want(run, map[string]string{
		"stdin": "/dev/null", "fd1": "pipe", "fd2": "pipe", "open": "0 1 2 3", "parent": "1", "directory": "/", "umask": "0022",
		"core": "0 hard=0", "oom": "1000", "SigIgn": "0000000000000000", "SigBlk": "0000000000000000", "NoNewPrivs": "1",
		"Seccomp": "2", "network": "lo", "console": "none", "session": "1",
	})
}

func environment(t *trial) {
	run := t.job(&Job{
		Argv: []string{"env"},
		Env:  []string{"PATH=/usr/bin:/bin", "EMPTY=", "SPACES=a  b\tc", "LINES=one\ntwo=2", "QUOTE=\"'$HOME`"},
	})
	t.status(run, 0)
	facts := t.facts(run)
	if facts["HOSTNAME"] == "" {
		t.Error("there is no HOSTNAME")
	}
	delete(facts, "HOSTNAME")
	want := map[string]string{
		"PATH": "/usr/bin:/bin", "HOME": "/root", "EMPTY": "", "SPACES": "a  b\tc", "LINES": "one", "two": "2", "QUOTE": "\"'$HOME`",
	}
	if diff := cmp.Diff(want, facts); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	run = t.job(&Job{Argv: []string{"/usr/bin/env"}, Env: []string{"HOME=/grade", "HOSTNAME=mine"}})
	if diff := cmp.Diff(map[string]string{"HOME": "/grade", "HOSTNAME": "mine"}, t.facts(run)); diff != "" {
		t.Errorf("environment with HOME and HOSTNAME of its own (-want +got):\n%s", diff)
	}
}

// times are on the host's clock, within what the host saw, and the entrypoint's own.
func times(t *trial) {
	session, err := t.Unpack(t.T, &Job{Script: "sleep 0.3"})
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now().Round(0)
	run := Start(t.T, session, &Job{})
	after := time.Now().Round(0)
	if run.StartedAt.Before(before) || run.FinishedAt.After(after) {
		t.Errorf("started %s, finished %s: not between go at %s and the end at %s", run.StartedAt, run.FinishedAt, before, after)
	}
	if took := run.FinishedAt.Sub(run.StartedAt); took < 300*time.Millisecond-clockError {
		t.Errorf("the entrypoint slept for 300 ms; finished is %s after started", took)
	}
}

func workingDirectory(t *trial) {
	image := t.Build(t.T, "WORKDIR /srv/work")
	run := t.job(&Job{Image: image, Argv: []string{"sh", "-c", "echo directory=$(pwd)"}})
	t.want(run, map[string]string{"directory": "/srv/work"})
	image = t.Build(t.T, "WORKDIR /tmp/build") // empty memory in a container
	run = t.job(&Job{Image: image, Argv: []string{"sh", "-c", "echo directory=$(pwd)"}})
	t.want(run, map[string]string{"directory": "/tmp/build"})
}

func hello(t *trial) {
	said := t.Open(t.T, &Job{}).Guest()
	if said.Version == "" {
		t.Errorf("the guest said %+v of itself", said)
	}
}

func resultsFolder(t *trial) {
	run := t.run(`mkdir /grade/results && printf '{"score":1}' > /grade/results/results.json`)
	t.results(run, `{"score":1}`)
}

// volumes that are empty in the image are memory; others keep what the image has, and /grade stays what it is.
func volumes(t *trial) {
	image := t.Build(t.T, "RUN mkdir -p /data/full && echo kept > /data/full/file", "VOLUME /data/full /data/empty /grade /tmp")
	run := t.job(&Job{Image: image, Script: `
echo full=$(cat /data/full/file)
for d in /data/full /data/empty /grade /tmp; do echo $d=$(stat -f -c %T $d); done
echo size=$(df -B1 --output=size /grade | tail -1) inodes=$(df --output=itotal /grade | tail -1)
touch /data/empty/x /data/full/x && echo writable=yes
`})
	want := map[string]string{
		"full": "kept", "/data/empty": "tmpfs", "/grade": "tmpfs", "/tmp": "tmpfs", "writable": "yes",
		"size": "1073741824 inodes=200000",
	}
	t.want(run, want)
	if t.facts(run)["/data/full"] == "tmpfs" {
		t.Error("a volume that the image fills is in memory, without what the image has in it")
	}
}

func imageDescription(t *trial) {
	name := t.Build(t.T, `ENTRYPOINT ["/bin/sh", "-c"]`, `CMD ["echo hello"]`, "ENV COURSE=one", "USER nobody", "WORKDIR /srv")
	image, err := t.Engine.Image(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{
		strings.Join(image.Entrypoint, "|"), strings.Join(image.Cmd, "|"), image.User, image.Dir, image.Name,
		strings.Join(image.Env, "|"),
	}
	const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	want := []string{"/bin/sh|-c", "echo hello", "nobody", "/srv", name, path + "|COURSE=one"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("image (-want +got):\n%s", diff)
	}
	if image.ID == "" || image.Digest == "" || image.Arch == "" || image.Warning != "" {
		t.Errorf("image %+v: want an ID, a digest, an architecture and no warning", image)
	}
}

// program is an entrypoint and what is said of it where it cannot be started.
type program struct {
	argv []string
	env  []string
	file File
	want string // a part of NotStarted; "" wants a start with status 0
}

func (p program) run(t *trial) {
	files := []File{}
	if p.file.Name != "" {
		files = append(files, p.file)
	}
	run := t.job(&Job{Argv: p.argv, Env: p.env, Files: files})
	switch {
	case p.want == "":
		t.status(run, 0)
	case !strings.Contains(run.NotStarted, p.want):
		t.Errorf("not started: %q, want it to say %q (%+v)", run.NotStarted, p.want, run.Ended)
	case run.FinishedAt.Before(run.StartedAt):
		t.Errorf("it finished at %s, before it started at %s", run.FinishedAt, run.StartedAt)
	}
}

func programs() map[string]program {
	const tool = "./tests/tool"
	script := func(content string, mode int64) File { return File{Name: tool, Content: content, Mode: mode} }
	return map[string]program{
		"by the job's PATH":       {argv: []string{"tool"}, env: []string{"PATH=/nowhere:/grade/tests"}, file: script("#!/bin/sh\n", 0o755)},
		"by the usual PATH":       {argv: []string{"true"}},
		"relative":                {argv: []string{"grade/tests/tool"}, file: script("#!/bin/sh\n", 0o755)},
		"made executable":         {argv: []string{"/grade/tests/run.sh"}},
		"missing in PATH":         {argv: []string{"no-such-program"}, want: `"no-such-program" is in no folder of PATH`},
		"missing file":            {argv: []string{"/grade/no-such-file"}, want: `there is no file "/grade/no-such-file"`},
		"nothing":                 {argv: []string{}, want: "names no program"},
		"folder":                  {argv: []string{"/grade/tests"}, want: "it is a folder"},
		"not executable":          {argv: []string{"/grade/tests/tool"}, file: script("#!/bin/sh\n", 0o644), want: "lacks the execute permission"},
		"no shebang":              {argv: []string{"/grade/tests/tool"}, file: script("echo hello\n", 0o755), want: "#!/bin/sh"},
		"no such interpreter":     {argv: []string{"/grade/tests/tool"}, file: script("#!/bin/zsh9\n", 0o755), want: `"#!/bin/zsh9"`},
		"Windows line ends":       {argv: []string{"/grade/tests/tool"}, file: script("#!/bin/sh\r\n", 0o755), want: "Windows line ends"},
		"one argument too long":   {argv: []string{"true", strings.Repeat("x", 200<<10)}, want: "too large"},
		"environment of 3 MiB":    {argv: []string{"true"}, env: []string{"A=" + strings.Repeat("x", 3<<20)}, want: "too large"},
		"environment of 1.9 MiB":  {argv: []string{"true"}, env: manyVariables(19), want: ""},
		"NUL in an argument":      {argv: []string{"true", "a\x00b"}, want: "NUL"},
		"NUL in the environment":  {argv: []string{"true"}, env: []string{"A=\x00"}, want: "NUL"},
		"argument begins with -":  {argv: []string{"test", "-n", "launch"}},
		"name of 5,000 letters":   {argv: []string{strings.Repeat("x", 5000)}, want: "is in no folder of PATH"},
		"dangling symbolic link":  {argv: []string{"/grade/tests/tool"}, file: File{Name: tool, Type: '2', Link: "nowhere"}, want: "there is no file"},
		"symbolic link to itself": {argv: []string{"/grade/tests/tool"}, file: File{Name: tool, Type: '2', Link: "tool"}, want: "symbolic link"},
	}
}

// manyVariables is an environment of so many variables of nearly 100 KiB.
func manyVariables(count int) []string {
	var env []string
	for i := range count {
		env = append(env, "V"+strings.Repeat("x", i+1)+"="+strings.Repeat("y", 99_000))
	}
	return env
}
