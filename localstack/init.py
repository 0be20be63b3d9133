#!/usr/bin/env python3
"""Makes the queues and the bucket of a development set-up in LocalStack; what is there is kept.

LocalStack's image runs it when it is ready (ready.d); start.sh runs it where there is no image.
"""

import json

import boto3

ENDPOINT = "http://127.0.0.1:4566"
BUCKET = "grading-dev"
QUEUES = ("grading_jobs_dev", "grading_results_dev")

# A message that was received this often and never deleted is set aside in the dead-letter queue.
MAX_RECEIVE_COUNT = 3
# How long a received message stays hidden: what PrairieLearn's own workers use. A runner extends it while a job runs.
VISIBILITY_TIMEOUT_SECONDS = 60


def connect(service: str):
    return boto3.client(
        service,
        endpoint_url=ENDPOINT,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def make_queue(sqs, name: str, attributes: dict[str, str]) -> str:
    """Makes the queue if it is missing, sets the attributes either way, and returns its ARN."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    if attributes:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return answer["Attributes"]["QueueArn"]


def make_queue_with_dead_letters(sqs, name: str) -> None:
    dead_letters = make_queue(sqs, f"{name}_dlq", {})
    redrive = {"deadLetterTargetArn": dead_letters, "maxReceiveCount": MAX_RECEIVE_COUNT}
    make_queue(
        sqs,
        name,
        {
            "VisibilityTimeout": str(VISIBILITY_TIMEOUT_SECONDS),
            "RedrivePolicy": json.dumps(redrive),
        },
    )


sqs = connect("sqs")
for queue in QUEUES:
    make_queue_with_dead_letters(sqs, queue)
connect("s3").create_bucket(Bucket=BUCKET)
