"""The warm-up in the real image, under a stand-in for the runner's guest: apart from speed a job cannot tell it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from jobs import files, one_test, run_by_guest

pytestmark = pytest.mark.image

JOBS = Path(__file__).parent.parent / "examplejobs" / "jobs"
#: One of each kind. The others differ in what they compare, not in how they are run.
CHOSEN = [
    *("correct", "syntax-error", "module-exception", "endless-function", "check-dataframe", "plot", "notebook"),
    *("iterations", "names-for-user", "server-files-course", "original-texts", "spy-modules", "os-exit", "objects"),
]

#: What a program can see of its surroundings, as one expression.
SEEN = """{
    'modules': sorted(sys.modules), 'environment': dict(os.environ), 'path': sys.path, 'argv': sys.argv,
    'command': [sys.orig_argv, open('/proc/self/cmdline').read()], 'flags': repr(sys.flags),
    'filters': [repr(entry) for entry in warnings.filters], 'depth': sys.getrecursionlimit(), 'cwd': os.getcwd(),
    'descriptors': [n for n in range(64) if os.path.lexists(f'/proc/self/fd/{n}')],
    'threads': len(os.listdir('/proc/self/task')), 'users': [os.getresuid(), os.getresgid(), os.getgroups()],
    'signals': [repr(signal.getsignal(n)).partition(' at ')[0] for n in range(1, 32)], 'umask': os.umask(0o022),
    'limits': [resource.getrlimit(n) for n in range(16)], 'nice': os.nice(0), 'gc': [gc.isenabled(), gc.get_threshold()],
    'oom': open('/proc/self/oom_score_adj').read(), 'locale': locale.setlocale(locale.LC_ALL),
    'status': [x for x in open('/proc/self/status') if x[:3] in ('Cap', 'NoN', 'Sec', 'Sig', 'Shd')],
    'encodings': [sys.stdout.encoding, sys.getfilesystemencoding()], 'hash': hash('a'), 'trace': repr(sys.gettrace()),
    'submodules': [hasattr(urllib, 'parse'), hasattr(xml, 'etree'), hasattr(concurrent, 'futures')],
    'hooks': [repr(sys.excepthook), repr(sys.displayhook), sys.getswitchinterval()], 'main': sorted(vars(__main__)),
    'umasks': time.tzname, 'session': [os.getpgrp() == os.getpid(), os.getsid(0) == os.getpid()],
    'finders': [repr(entry).partition(' at ')[0] for entry in sys.meta_path if 'helf' not in repr(entry)],
    'importers': [x for x in sys.path_importer_cache if x[:5] in ('/grad', '/dev/')],
    'sources': [x for x in linecache.cache if x[:5] in ('/grad', '/dev/')], 'io': repr(io.open),
    'builtins': [(n, repr(v).partition(' at ')[0]) for n, v in sorted(vars(builtins).items()) if n != '_'],
    'parents': [os.getppid() != 1, len([n for n in os.listdir('/proc') if n.isdigit()])],
    'tests': [each.__name__ for case in unittest.TestCase.__subclasses__() for each in case.__subclasses__()
              if each.__module__ == 'test'] if unittest else '',
}"""
IMPORTS = """
import __main__, builtins, concurrent, gc, io, json, linecache, locale, os, resource, signal, sys, time, urllib
import warnings, xml
unittest = sys.modules.get('unittest')
"""


def both(image, content, *env):
    """Grade a job in both ways, with the same seed."""
    return [run_by_guest(image, content, way, "SLASHGRADE_SEED=5", *env) for way in ("cold", "warm")]


def example(name):
    """Return an example job's files and environment."""
    parts, part = {}, None
    for line in (JOBS / f"{name}.txtar").read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith("-- ") and line.endswith(" --\n"):
            part = line[3:-4]
            parts[part] = ""
        elif part:
            parts[part] += line
    settings = json.loads(parts.get("job.json", "{}"))
    env = {"SLASHGRADE_TIMEOUT_SECONDS": str(settings.get("timeout", 20))} | settings.get("environment", {})
    content = {path: text for path, text in parts.items() if "/" in path and "quoted" not in path}
    return content, [f"{key}={value}" for key, value in env.items() if value is not None]


@pytest.mark.parametrize("name", CHOSEN)
def test_examples_have_the_same_results(image, name):
    content, env = example(name)
    cold, warm = both(image, content, *env)
    assert isinstance(cold["results"], dict)
    assert warm["results"] == cold["results"]
    assert warm["status"] == cold["status"]


@pytest.mark.parametrize(
    "library", ["", "import numpy", "import pandas", "import matplotlib", "import pandas, scipy.stats"]
)
def test_code_sees_the_same(image, library):
    student = f"{IMPORTS}{library}\nprint(json.dumps({SEEN}))\n"
    test = one_test(f"{IMPORTS}Feedback.add_feedback(json.dumps({SEEN}))")
    cold, warm = both(image, files(student=student, test=test))
    for place in (lambda r: r["results"]["output"], lambda r: r["results"]["tests"][0]["message"]):
        expected, found = json.loads(place(cold)), json.loads(place(warm))
        del expected["environment"]["HOSTNAME"], found["environment"]["HOSTNAME"]
        assert found == expected


def test_what_it_says_when_it_is_ready(image):
    found = run_by_guest(image, files(), "eof")
    names = set(found["ready"]["names"])
    assert found["ready"]["ready"] is True
    assert found["ready"]["folders"] == ["serverFilesCourse", "student", "tests"]
    assert {"numpy", "matplotlib", "pandas", "cloudpickle", "pygments", "csv"} <= names
    assert not names & {
        "test",
        "ans",
        "setup_code",
        "leading_code",
        "user_code",
        "data",
        "os",
        "json",
        "slashgrade_python",
    }
    # guest.py, the guard, the supervisor, and a tester and a student's process that stand by; of one thread each
    assert found["tasks"] == [1, 1, 1, 1, 1]


def test_no_job_comes(image):
    found = run_by_guest(image, files(), "eof")
    assert (found["status"], found["log"]) == (0, "")


STAND_BY = files(
    student="import numpy\nf = x = numpy.arange(3)\nprint('printed')",
    ans="import numpy\nx = numpy.arange(3)",
    test=one_test("Feedback.set_score(Feedback.check_numpy_array_allclose('x', self.ref.x, self.st.x))"),
)


@pytest.mark.parametrize("who", ["student", "tester", "both", "supervisor"])
def test_killed_processes_are_replaced(image, who):
    cold, warm = (run_by_guest(image, STAND_BY, way, "SLASHGRADE_SEED=5") for way in ("cold", f"bereft={who}"))
    assert cold["results"]["score"] == 1
    assert warm["results"] == cold["results"]
    assert (warm["status"], warm["log"]) == (0, cold["log"])


@pytest.mark.parametrize(
    "spoil",
    [
        "rehearsal:\ndef as_student(sock, shelf): os._exit(0)",
        "rehearsal:\ndef as_tester(sock, shelf): raise RuntimeError('spoiled')",
        "rehearsal:\nTEST = TEST.replace('set_score(', 'set_score(0 * ')",
        "rehearsal:\ndef as_student(sock, shelf): sock.sendall(b'nonsense' * 9)",
        "rehearsal:\ndef as_student(sock, shelf): import time; time.sleep(1000)\nimport slashgrade_python.standby as s; s.REHEARSAL = 2",
        "standby:\ndef _do(rehearse, sock, *rest): sock.send(b'\\n' + b'nonsense' * 9); signal.pause()",
        "standby:\ndef _do(rehearse, sock, *rest): sock.send(b'\\n'); os._exit(0)",
    ],
)
def test_processes_that_fail_or_talk_nonsense_are_replaced(image, spoil):
    cold = run_by_guest(image, STAND_BY, "cold", "SLASHGRADE_SEED=5")
    warm = run_by_guest(image, STAND_BY, "warm", "SLASHGRADE_SEED=5", spoil=spoil)
    assert cold["results"]["score"] == 1
    assert warm["ready"]["ready"] is True
    assert (warm["results"], warm["status"]) == (cold["results"], 0)


def test_label_names_it(image):
    done = subprocess.run(
        ["docker", "image", "inspect", "--format", '{{index .Config.Labels "slashgrade.warmup"}}', image],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "/python_autograder/warmup.sh"


@pytest.mark.parametrize("variable", ["PYTHONHASHSEED=1", "MPLBACKEND=svg", "OMP_NUM_THREADS=2", "LANG=C.UTF-8"])
def test_variables_that_libraries_have_read_start_it_anew(image, variable):
    name = variable.partition("=")[0]
    student = f"import os\nx = [os.environ.get('{name}'), hash('a')]\nf = x"
    test = one_test("Feedback.add_feedback(repr(self.st.x))\nFeedback.set_score(1)")
    cold, warm = both(image, files(student=student, test=test), variable)
    assert warm["results"] == cold["results"]
    assert cold["results"]["score"] == 1


def test_module_written_by_student_code_comes_first(image):
    student = "open('csv.py', 'w').write('mine = 1')\nimport csv\nf = x = csv.mine"
    test = one_test("Feedback.set_score(self.st.x)")
    cold, warm = both(image, files(student=student, test=test))
    assert warm["results"] == cold["results"]
    assert cold["results"]["score"] == 1


def test_libraries_that_come_late_are_seeded(image):
    draw = "import helper\nf = x = helper.draw()"
    helper = "def draw():\n    import importlib\n    importlib.import_module('pan' + 'das')\n    import sys\n    return sys.modules['num' + 'py'].random.random()"
    test = one_test("Feedback.set_score(self.st.x == self.ref.x)\nFeedback.add_feedback(str(self.st.x))")
    cold, warm = both(image, files(student=draw, ans=draw, test=test, more={"serverFilesCourse/helper.py": helper}))
    assert cold["results"]["score"] == 1
    assert warm["results"] == cold["results"]
