package sandboxtest

import (
	"bytes"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/kballard/go-shellquote"
	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

func warmupTrials() trials {
	list := trials{
		"a job cannot tell":        cannotTell,
		"ends":                     warmEnds,
		"does not suit":            unsuitable,
		"what it leaves in /grade": warmLeftovers,
		"large hand-over":          largeHandOver,
	}
	for name, broken := range brokenWarmups() {
		list[name] = broken.run
	}
	for name, archive := range shadowArchives() {
		list["archive with "+name] = archive.run
	}
	return list
}

const (
	// announce is the perl of a warm-up that is ready.
	announce = `$| = 1; open($s, "+<&=", 3) or die; sub say3 { syswrite($s, "@_\n") }
		say3('{"ready":true,"folders":["lib","."],"names":["numpy","pandas"]}');`
	// takeOver is the perl that follows: it becomes what it is told.
	takeOver = ` $line = <$s>; exit 0 unless defined $line; close $s;
		sub list { my ($l) = $line =~ /"$_[0]":(\[.*?\])[,}]/; $l =~ s/([\$\@])/\\$1/g; @{eval $l} }
		%ENV = map { split /=/, $_, 2 } list("env"); exec list("argv");`
)

func perl(program string) string { return shellquote.Join("/usr/bin/perl", "-e", program) }

// warmJob is a job in a container with a warm-up.
type warmJob struct {
	warmup string // the image's label
	user   string // the image's
	script string
	files  []File
	env    []string // in place of the image's
	limit  time.Duration
	cold   bool // there is no warm-up
	unfit  bool // the job may not run in it
}

func (j *warmJob) run(t *trial) *Outcome {
	t.Helper()
	found, err := t.Engine.Image(t.Context(), testenv.Image)
	if err != nil {
		t.Fatal(err)
	}
	image := *found
	image.Warmup, image.User = j.warmup, j.user
	session := (&Bench{Engine: &describing{t.Engine, &image}, Runner: t.Runner, Profile: t.Profile}).Open(t.T, &Job{})
	if !j.cold {
		if err := session.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if !j.unfit {
		session.UseWarmup()
	}
	files := append([]File{{Name: "./tests/run.sh", Content: "#!/bin/sh\n" + j.script}}, j.files...)
	if _, err := session.Unpack(t.Context(), bytes.NewReader(Pack(t.T, files...)), "/grade/tests/run.sh"); err != nil {
		t.Fatal(err)
	}
	env := j.env
	if env == nil {
		env = sandbox.WithTerminal(image.Env)
	}
	return Start(t.T, session, &Job{Env: env, Timeout: j.limit})
}

// everything is what a process of a job can find out about itself, but for what differs between any two containers.
const everything = `
tr '\0' '\n' < /proc/self/environ | grep -v ^HOSTNAME | sort
pwd; id; umask; ulimit -a; ulimit -H -a
cat /proc/self/oom_score_adj /proc/self/timerslack_ns /proc/self/autogroup 2>/dev/null | grep -v autogroup
awk '/^(Sig(Ign|Blk|Cgt|Pnd)|ShdPnd|Cap|NoNewPrivs|Seccomp|Groups|Uid|Gid|CoreDumping|THP_enabled|Speculation|FDSize|Cpus_allowed)/' /proc/self/status
for fd in 0 1 2; do readlink /proc/$$/fd/$fd | tr -d 0-9; done
ls /proc/self/fd # the last one is the list's own
awk '{print "session", $6 == $5, $6 == $4 || $6 == $1, "terminal", $7, "nice", $19, "policy", $41}' /proc/$$/stat
find / -xdev -newer /.slashgrade 2>/dev/null | sort
find /grade /tmp /var/tmp | sort; ls -ld /grade
cat /proc/1/comm; set -- /proc/[0-9]*; echo $#
echo errors >&2
`

// streams is what the job wrote to each of its streams: in which order the two come nobody can tell.
func (o *Outcome) streams() map[guest.Stream]string {
	streams := map[guest.Stream]string{}
	for _, piece := range o.Pieces {
		streams[piece.Stream] += piece.Text
	}
	return streams
}

// cannotTell compares everything between the usual start and a warm-up, as root and as another user.
func cannotTell(t *trial) {
	for _, user := range []string{"", "nobody"} {
		job := warmJob{warmup: perl(announce + takeOver), user: user, script: everything}
		warm := job.run(t)
		job.cold = true
		cold := job.run(t)
		t.status(warm, 0)
		t.status(cold, 0)
		if !warm.Warm || cold.Warm {
			t.Errorf("warm %v, cold %v: want the warm-up once (%s)", warm.Warm, cold.Warm, warm.Session.WarmupFailure())
		}
		if diff := cmp.Diff(cold.streams(), warm.streams()); diff != "" {
			t.Errorf("what the job finds differs (-usual +warm-up):\n%s", diff)
		}
		if cold.Ended.StderrTail != warm.Ended.StderrTail {
			t.Errorf("stderr %q and %q", cold.Ended.StderrTail, warm.Ended.StderrTail)
		}
	}
}

// warmEnds are a warm-up's own end and its output before and after the job came.
func warmEnds(t *trial) {
	status := (&warmJob{warmup: perl(`print "early "; ` + announce + ` <$s>; print "late"; exit 7`)}).run(t)
	t.status(status, 7)
	if !status.Warm || status.Output != "early late" {
		t.Errorf("output %q of a warm-up (%v)", status.Output, status.Warm)
	}
	signal := (&warmJob{warmup: perl(announce + ` <$s>; kill 9, $$`)}).run(t)
	if ended := t.ended(signal); ended.Signal != 9 || !signal.Warm {
		t.Errorf("ended with %+v, want signal 9", ended)
	}
	limit := (&warmJob{warmup: perl(announce + ` <$s>; sleep 1000`), limit: 2 * time.Second}).run(t)
	if ended := t.ended(limit); !ended.TimedOut || !limit.Warm {
		t.Errorf("ended with %+v, want its time limit", ended)
	}
	if took := limit.FinishedAt.Sub(limit.StartedAt); took < 2*time.Second-clockError {
		t.Errorf("a time limit of 2 s took %s", took)
	}
}

// unsuitable jobs run as if there were no warm-up, which is gone before /grade is filled.
func unsuitable(t *trial) {
	job := warmJob{warmup: perl(`$SIG{$_} = "IGNORE" for keys %SIG; ` + announce + ` fork; fork; sleep 1000`), unfit: true, script: alone}
	run := job.run(t)
	t.usual(run, "")
}

// alone prints whether a job is the only one in its container. The list's own processes are the shell and what counts.
const alone = `
others=0
for pid in $(ls /proc | grep '^[0-9]'); do
	[ $pid = 1 ] || [ $pid = $$ ] || { [ -e /proc/$pid/cmdline ] && grep -qa -e perl -e sleep /proc/$pid/cmdline && others=$((others+1)); }
done
echo others=$others env=$(env | grep -c WARM)`

// usual fails the test unless the job started as without a warm-up, of which failure is said.
func (t *trial) usual(run *Outcome, failure string) {
	t.Helper()
	if run.Warm {
		t.Error("the warm-up became the entrypoint")
	}
	t.want(run, map[string]string{"others": "0 env=0"})
	if strings.Count(run.Output, "\n") != 1 {
		t.Errorf("the job's output holds what it did not write: %q", run.Output)
	}
	got := run.Session.WarmupFailure()
	if (failure == "") != (got == "") || !strings.Contains(got, failure) {
		t.Errorf("the warm-up's failure is %q, want %q", got, failure)
	}
}

// brokenWarmup is a warm-up that fails, and what staff learn of it.
type brokenWarmup struct {
	warmup  string
	failure string
}

func (b brokenWarmup) run(t *trial) {
	job := warmJob{warmup: b.warmup, script: alone}
	t.usual(job.run(t), b.failure)
}

func brokenWarmups() map[string]brokenWarmup {
	const left, malformed = "ended, or closed descriptor 3", "first line on descriptor 3 is not"
	return map[string]brokenWarmup{
		"no such program":       {"/none", "there is no file"},
		"not in PATH":           {"none", "is in no folder of PATH"},
		"ends at once":          {"/bin/true", left},
		"crashes":               {perl(`print "x"; kill 11, $$`), left},
		"closes the socket":     {perl(`use POSIX; POSIX::close(3); sleep 1000`), left},
		"not ready":             {perl(announceAs(`{"ready":false}`) + takeOver), malformed},
		"no JSON":               {perl(announceAs(`ready`) + takeOver), malformed},
		"other types":           {perl(announceAs(`{"ready":true,"names":"numpy"}`) + takeOver), malformed},
		"floods the socket":     {perl(`open($s, "+<&=", 3); while (1) { syswrite($s, "x" x 10000) or exit }`), "after 65536 bytes"},
		"floods its output":     {perl(`$| = 1; while (1) { print "flood" x 1000; print STDERR "flood" x 1000 }`), "was not ready within"},
		"ends when it is ready": {perl(announce + ` exit 0`), left},
		"talks on":              {perl(announce + ` say3("more"); sleep 1000`), "more than one line"},
		"leaves children":       {perl(`$SIG{$_} = "IGNORE" for keys %SIG; ` + announce + ` for (1..20) { fork and next; setpgrp; sleep 1000 } exit 0`), left},
		"takes no job":          {perl(announce + ` $SIG{$_} = "IGNORE" for keys %SIG; fork; sleep 1000`), "did not read its line"},
		"dies of the job":       {perl(`fork or sleep 1000; ` + announce + ` select(undef, undef, undef, 0.2); kill 9, $$`), left},
		"eats memory":           {perl(`fork or do { push @a, "x" x 10000000 while 1 }; ` + announceAs(`{}`)), malformed},
	}
}

func announceAs(line string) string {
	return strings.Replace(announce, `{"ready":true,"folders":["lib","."],"names":["numpy","pandas"]}`, line, 1)
}

// shadowArchive is what an archive holds beside the script, and whether that shadows what the warm-up has loaded.
type shadowArchive struct {
	files   []File
	shadows bool
}

func (s shadowArchive) run(t *trial) {
	job := warmJob{warmup: perl(announce + takeOver), files: s.files, script: "echo others=0 env=0"}
	run := job.run(t)
	if s.shadows {
		t.usual(run, "")
		return
	}
	if t.status(run, 0); !run.Warm {
		t.Errorf("the warm-up was not used: %s", run.Session.WarmupFailure())
	}
}

func shadowArchives() map[string]shadowArchive {
	link := func(name, target string) File { return File{Name: name, Link: target} }
	return map[string]shadowArchive{
		"a module":                {[]File{{Name: "./lib/numpy.py", Content: "x"}}, true},
		"a module of /grade":      {[]File{{Name: "pandas.py", Content: "x"}}, true},
		"an extension module":     {[]File{{Name: "lib/numpy.cpython-313-x86_64-linux-gnu.so", Content: "x"}}, true},
		"an implied package":      {[]File{{Name: "lib/numpy/core/x.py", Content: "x"}}, true},
		"a link to a module":      {[]File{link("lib/numpy.py", "../tests/run.sh")}, true},
		"a link for a folder":     {[]File{{Name: "other/numpy.py", Content: "x"}, link("lib", "other")}, true},
		"modules of other names":  {[]File{{Name: "./lib/numpyx.py", Content: "x"}, {Name: "lib/x/numpy.py", Content: "x"}}, false},
		"modules in other places": {[]File{{Name: "./other/numpy.py", Content: "x"}, {Name: "./libs/numpy/x.py", Content: "x"}}, false},
	}
}

// warmLeftovers in /grade are gone when the archive comes, whether the warm-up is used or not, and change nothing of it.
func warmLeftovers(t *trial) {
	leave := `mkdir "/grade/x"; symlink("/etc", "/grade/tests"); open($f, ">", "/grade/lib"); mkdir "/grade/x/y"; `
	for _, unfit := range []bool{false, true} {
		job := warmJob{
			warmup: perl(leave + announce + takeOver), unfit: unfit, files: []File{{Name: "lib/a", Content: "x"}},
			script: `echo files=$(cd /grade && find . | sort | tr '\n' ' ')`,
		}
		run := job.run(t)
		t.want(run, map[string]string{"files": ". ./lib ./lib/a ./tests ./tests/run.sh"})
		if run.Warm == unfit {
			t.Errorf("warm %v although unfit %v", run.Warm, unfit)
		}
	}
}

// largeHandOver does not fit into a socket's buffer; one that fits into no frame is a usual start that says so.
func largeHandOver(t *trial) {
	var env []string
	for range 20 {
		env = append(env, "A"+strings.Repeat("x", 50<<10)+"=1")
	}
	job := warmJob{warmup: perl(announce + ` $line = <$s>; print length $line > 1000000 ? "long" : "short"`), env: env}
	if run := job.run(t); !run.Warm || run.Output != "long" {
		t.Errorf("output %q, warm %v", run.Output, run.Warm)
	}
}
