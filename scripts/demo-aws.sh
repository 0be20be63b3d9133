#!/usr/bin/env bash
# The demo as PrairieLearn would have it: jobs on SQS, archives on S3 (LocalStack's), answers on the results queue.
set -euo pipefail

cd "$(dirname "$0")/.."
source scripts/lib.sh

export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 # any will do for LocalStack
export SLASHGRADE_SQS_ENDPOINT=http://127.0.0.1:4566
export SLASHGRADE_SQS_JOBS_QUEUE=grading_jobs_dev SLASHGRADE_SQS_RESULTS_QUEUE=grading_results_dev SLASHGRADE_S3_BUCKET=grading-dev
export SLASHGRADE_ENGINE_PULL=missing SLASHGRADE_RUNNER_DATA_DIR="$cache/demo-aws"

bin/slashgrade serve 2>"$cache/demo-aws.log" 9>&- &
server=$!
trap 'kill -TERM "$server" 2>/dev/null; wait "$server" || true' EXIT

# The results queue is this demo's own: nobody else reads the answers.
bin/slashgrade enqueue --own-results-queue --each examples/submissions examples/course/questions/*
say "the runner's log is $cache/demo-aws.log"
