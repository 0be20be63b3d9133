"""The warm-up in the real image, under a stand-in for the runner's guest: apart from speed a job cannot tell it."""

from __future__ import annotations

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from jobs import EXAMPLES, example, files, one_test, run_by_guest, run_many

pytestmark = pytest.mark.image

#: Containers that grade example jobs at a time. Many of the jobs wait, for limits of time.
LANES = 3
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.txtar"))

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


@pytest.fixture(scope="module")
def all_examples(image):
    """Every example job's results, cold and warmed."""
    jobs = {name: example(name) for name in NAMES}
    names = [name for name in NAMES if not jobs[name].is_small]
    lanes = [names[number::LANES] for number in range(LANES)]
    with ThreadPoolExecutor(LANES) as pool:
        graded = pool.map(lambda lane: run_many(image, [jobs[name] for name in lane]), lanes)
    found = {}
    for lane, results in zip(lanes, graded, strict=True):
        found |= dict(zip(lane, results, strict=True))
    return found


def test_there_are_examples():
    assert len(NAMES) > 100


@pytest.mark.parametrize("name", [name for name in NAMES if example(name).is_small])
def test_examples_with_little_memory_have_the_same_results(image, name):
    job = example(name)
    cold, warm = (
        run_by_guest(image, job.files, way, "SLASHGRADE_SEED=5", *job.environment, bounds=("320m", ",size=32m"))
        for way in ("cold", "warm")
    )
    assert isinstance(cold["results"], dict)
    assert (warm["results"], warm["status"]) == (cold["results"], cold["status"])


@pytest.mark.parametrize("name", [name for name in NAMES if not example(name).is_small])
def test_examples_have_the_same_results(all_examples, name):
    cold, warm = ({**found, "results": without_seconds(found["results"])} for found in all_examples[name])
    assert warm == cold


def without_seconds(results):
    """Return results without what time decides.

    That is a limit that is a share of the time that is left, and whether a student's process that talked nonsense ended
    before it was killed.
    """
    text = re.sub(r"time limit of [\d.]+ second", "time limit of some second", json.dumps(results))
    return json.loads(text.replace("(exit status 1), so", "(signal SIGKILL), so"))


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


def test_code_sees_the_same_after_values_have_crossed(image):
    """What carries them is loaded ahead too."""
    given = "import datetime, decimal, numpy\nx = [numpy.arange(3), decimal.Decimal(1), datetime.date(2024, 2, 29)]\n"
    student = given + "def f():\n    import sys\n    return sorted(sys.modules)\n"
    test = one_test(
        "import sys\nFeedback.add_feedback('\\n'.join([str(self.st.x), *self.st.f(), *sorted(sys.modules)]))"
    )
    cold, warm = both(image, files(student=student, test=test))
    expected, found = (graded["results"]["tests"][0]["message"].splitlines() for graded in (cold, warm))
    assert "slashgrade_python.codecs.numpy_codec" in expected
    assert "pandas" not in expected
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


@pytest.mark.parametrize("who", ["student", "tester", "both", "supervisor"])
def test_stopped_processes_go_on(image, who):
    limit = "SLASHGRADE_TIMEOUT_SECONDS=30"
    cold, warm = (run_by_guest(image, STAND_BY, way, "SLASHGRADE_SEED=5", limit) for way in ("cold", f"stopped={who}"))
    assert cold["results"]["score"] == 1
    assert (warm["results"], warm["status"]) == (cold["results"], 0)


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
        "pages:\nCOLLAPSE = 999",  # a request that no kernel knows
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
