#!/usr/bin/env bash
# Grades the example course's submissions through the embedded queue, in a data directory of its own, and shows the reports.
set -euo pipefail

cd "$(dirname "$0")/.."
source scripts/lib.sh

# The example's images are built here and have no registry.
export SLASHGRADE_ENGINE_PULL=missing SLASHGRADE_RUNNER_DATA_DIR="$cache/demo"

bin/slashgrade enqueue --work --each examples/submissions examples/course/questions/*
cat <<END

One of them alone, as its student would see it:
  SLASHGRADE_ENGINE_PULL=missing bin/slashgrade enqueue --work --runner.data_dir "$cache/demo" \\
    examples/course/questions/fibonacci examples/submissions/fibonacci/partly
END
