package sandboxtest

import (
	"fmt"
	"strings"
)

// graderTrials are images that do around the student's code what the entrypoints of PrairieLearn's graders do: a root entrypoint that hands
// files over, becomes another user for the student's part, and ends what that user left. Each script is our own.
func graderTrials() trials {
	return trials{
		"C":    func(t *trial) { grader{user: "sbuser", entrypoint: "/cgrader/entrypoint.sh", script: graderC}.grade(t) },
		"Java": func(t *trial) { grader{user: "student", entrypoint: "/bin/autograder.sh", script: graderJava}.grade(t) },
		"R":    func(t *trial) { grader{user: "ag", entrypoint: "/r_autograder/run.sh", script: graderR}.grade(t) },
		"Python": func(t *trial) {
			grader{user: "ag", entrypoint: "/python_autograder/run.sh", script: graderPython}.grade(t)
		},
	}
}

type grader struct{ user, entrypoint, script string }

// grade builds the image and grades a submission that does not want to end. Every line of the script that fails ends it with a status.
func (g grader) grade(t *trial) {
	var copied []string
	for line := range strings.Lines("#!/bin/bash\nset -eu\n" + g.script) {
		copied = append(copied, "'"+strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "'", `'\''`)+"'")
	}
	folder := g.entrypoint[:strings.LastIndex(g.entrypoint, "/")]
	image := t.Build(t.T,
		"RUN useradd --create-home --shell /bin/bash "+g.user,
		fmt.Sprintf("RUN mkdir -p %s && printf '%%s\\n' %s > %s && chmod 755 %s", folder, strings.Join(copied, " "), g.entrypoint, g.entrypoint),
		fmt.Sprintf("ENTRYPOINT [%q]", g.entrypoint),
	)
	run := t.job(&Job{
		Image: image, Argv: []string{g.entrypoint},
		Files: []File{
			{Name: "./tests/answer", Content: "secret"},
			{Name: "./student/answer.sh", Content: studentScript, Mode: 0o644},
		},
		Env: []string{"GRADER_KEY=1", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	})
	t.results(run, `{"score":1}`)
	t.want(run, map[string]string{"student": "ran", "tests": "closed", "left": "none"})
}

// studentScript looks for the tests and leaves a process behind that ignores all it can.
const studentScript = `echo student=ran
cat /grade/tests/answer 2>/dev/null && echo tests=open || echo tests=closed
(trap "" TERM INT HUP; setsid sh -c "trap \"\" TERM; while :; do sleep 1000; done" >/dev/null 2>&1 &)
while :; do sleep 1000; done
`

// endUser ends the processes of a user as root, and says whether any is left. There is no pkill in small images.
const endUser = `
end_user() {
	for try in 1 2 3 4 5 6 7 8 9 10; do
		left=$(find /proc -maxdepth 1 -name '[0-9]*' -user "$1" 2>/dev/null | grep -v zombie || true)
		alive=""
		for process in $left; do
			if grep -q '^State:.*[RSDT] ' "$process/status" 2>/dev/null; then alive=1; kill -KILL "${process#/proc/}" 2>/dev/null || true; fi
		done
		if [ -z "$alive" ]; then echo left=none; return; fi
		sleep 0.1
	done
	echo left=some
}
score() { mkdir -p /grade/results; printf '{"score":1}' > /grade/results/results.json; }
`

// graderC closes /grade to all but root, gives the student's user a folder of its own, and ends that user's processes after a second. The
// debugger's part is what valgrind's server and gdb need: one process of the user traces another.
const graderC = endUser + `
cd /grade/student
work=$(mktemp -d)
cp answer.sh "$work/"
chmod -R 700 /grade
chown -R sbuser:sbuser "$work"
su sbuser -s /bin/bash -c "cd $work && timeout 1 bash answer.sh" || [ $? = 124 ]
end_user sbuser
cat > "$work/trace.pl" <<'PERL'
my $ptrace = { "x86_64\n" => 101, "aarch64\n" => 117 }->{qx(uname -m)} or exit 0;
my ($traceme, $cont) = (0, 7);
my $pid = fork;
if (!$pid) { syscall($ptrace, $traceme, 0, 0, 0) == 0 or exit 3; kill STOP => $$; exit 0 }
waitpid($pid, 2) == $pid or exit 4;
syscall($ptrace, $cont, $pid, 0, 0) == 0 or exit 5;
waitpid($pid, 0);
exit($? >> 8);
PERL
su sbuser -c "perl $work/trace.pl"
score
`

// graderJava writes beside the tests, closes /proc and everything else of the system to the student with Landlock, and takes the result from
// a file that only its user's key names.
const graderJava = endUser + `
find /grade/student -type f > /grade/params; echo "/grade/student:/grade/tests" > /grade/classpath
chmod 700 /grade/tests
chown -R student:student /grade/student
key=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
install -d -o student -g student -m 700 /home/student/out
su student -c "timeout 1 bash /grade/student/answer.sh; echo done > /home/student/out/$key" || true
end_user student
cat > /home/student/lock.pl <<'PERL'
use Errno;
my $abi = syscall(444, 0, 0, 1);
if ($abi < 0) { print "landlock=$!\n"; exit($!{EPERM} ? 8 : 0) } # a kernel without it says so; a filter says EPERM
my $handled = pack("Q", 1 << 2); # reading files
my $rules = syscall(444, $handled, 8, 0);
syscall({ "x86_64\n" => 157, "aarch64\n" => 167 }->{qx(uname -m)} // exit 0, 38, 1, 0, 0, 0); # no new privileges
syscall(446, $rules, 0) == 0 or exit 6;
open(my $f, "<", "/proc/version") and exit 7;
print "landlock=works\n";
PERL
su student -c "perl /home/student/lock.pl"
[ "$(cat /home/student/out/$key)" = done ]
score
`

// graderR hides a key from the student's part and gives its user a copy.
const graderR = endUser + `
key=$GRADER_KEY
unset GRADER_KEY
mkdir /grade/run
cp /grade/student/answer.sh /grade/run/
chown -R ag:ag /grade/run
chmod -R go-rwx /grade/tests
chmod 711 /grade
cd /grade/run
su ag -c "timeout 1 bash answer.sh" || true
end_user ag
[ "$key" = 1 ]
score
`

// graderPython has its user write to a name that nobody can know, and moves that file to where results are read.
const graderPython = endUser + `
mkdir -p /grade/run
cp /grade/student/answer.sh /grade/run/
chmod 700 /grade/tests
name=/grade/run/$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
chown -R ag /grade/run
su ag -c "timeout 1 bash /grade/run/answer.sh; printf '{\"score\":1}' > $name" || true
end_user ag
mkdir -p /grade/results
mv "$name" /grade/results/results.json
chown root /grade/results/results.json
chmod 600 /grade/results/results.json
`
