# Runs generate of a question's server.py and leaves what it computed as results.
import importlib.util
import json
import os
import random
import sys
import traceback

seed, server = int(sys.argv[1]), sys.argv[2]
sys.path[:0] = [os.path.dirname(server), "/grade/serverFilesCourse"]
os.chdir(os.path.dirname(server))
random.seed(seed)
try:
    import numpy
except ImportError:
    pass
else:
    numpy.random.seed(seed % 2**32)

data = {
    "params": {},
    "correct_answers": {},
    "variant_seed": seed,
    "options": {"question_path": os.path.dirname(server)},
    "answers_names": {},
}
results = {"gradable": False}
try:
    spec = importlib.util.spec_from_file_location("server", server)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if hasattr(module, "generate"):
        module.generate(data)
    results["data"] = {key: data[key] for key in ("params", "correct_answers")}
    json.dumps(results, allow_nan=False)
except ModuleNotFoundError as missing:
    results = {"gradable": False, "missing": missing.name}
except BaseException:
    results = {"gradable": False, "error": traceback.format_exc(limit=-4)[-4000:]}
os.makedirs("/grade/results", exist_ok=True)
with open("/grade/results/results.json", "w") as file:
    json.dump(results, file)
