"""What only a local AWS needs to be told: buckets, queues, and which events go where. On AWS the template does it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from aws.services import Endpoint
from tonari.errors import StoreError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

PREFIXES = ("items/", "images/")
VISIBILITY = 60
MAX_RECEIVES = 5
MAX_MESSAGES = 10
CONFIG = Config(connect_timeout=3, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 2})


class Admin:
    """A local AWS, for setting it up.

    Parameters
    ----------
    endpoint
        Where it answers.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        session = boto3.session.Session(
            aws_access_key_id=endpoint.access_key,
            aws_secret_access_key=endpoint.secret_key,
            region_name=endpoint.region,
        )
        self._region = endpoint.region
        self._s3: S3Client = session.client("s3", endpoint_url=endpoint.url, config=CONFIG)
        self._sqs: SQSClient = session.client("sqs", endpoint_url=endpoint.url, config=CONFIG)

    def create_bucket(self, name: str) -> None:
        """Create a bucket, unless it exists."""
        if name not in {bucket["Name"] for bucket in self._s3.list_buckets()["Buckets"]}:
            self._s3.create_bucket(Bucket=name)

    def has_object(self, bucket: str, key: str) -> bool:
        """Tell whether an object exists."""
        listed = self._s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", [])
        return [found["Key"] for found in listed] == [key]

    def create_queue(self, name: str) -> Queue:
        """Create a queue with its dead-letter queue, unless they exist."""
        dead = self._sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        redrive = {"deadLetterTargetArn": self._arn(dead), "maxReceiveCount": MAX_RECEIVES}
        url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        self._sqs.set_queue_attributes(
            QueueUrl=url,
            Attributes={"VisibilityTimeout": str(VISIBILITY), "RedrivePolicy": json.dumps(redrive)},
        )
        return Queue(self._sqs, url, self._arn(url), self._region)

    def notify(self, bucket: str, queue: Queue) -> None:
        """Send what happens to items and images in a bucket to a queue."""
        self._s3.put_bucket_notification_configuration(
            Bucket=bucket,
            NotificationConfiguration={
                "QueueConfigurations": [
                    {
                        "QueueArn": queue.arn,
                        "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
                        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
                    }
                    for prefix in PREFIXES
                ]
            },
        )

    def close(self) -> None:
        """Close all connections."""
        self._s3.close()
        self._sqs.close()

    def _arn(self, url: str) -> str:
        return self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


class Queue:
    """A queue on SQS."""

    def __init__(self, client: SQSClient, url: str, arn: str, region: str) -> None:
        self._client = client
        self._url = url
        self.arn = arn
        self.region = region

    def receive(self, count: int, wait: int) -> Sequence[MessageTypeDef]:
        """Receive at most ``count`` messages (SQS gives up to 10), waiting ``wait`` whole seconds for the first.

        Raises
        ------
        StoreError
            If the queue does not answer.
        """
        try:
            return self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(count, MAX_MESSAGES),
                WaitTimeSeconds=wait,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
        except (ClientError, BotoCoreError) as error:
            raise StoreError(f"{self._url}: {error}") from error

    def delete(self, messages: Sequence[MessageTypeDef]) -> None:
        """Delete messages that have been received.

        Raises
        ------
        StoreError
            If the queue does not answer.
        """
        try:
            for start in range(0, len(messages), MAX_MESSAGES):
                self._client.delete_message_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                        for index, message in enumerate(messages[start : start + MAX_MESSAGES])
                    ],
                )
        except (ClientError, BotoCoreError) as error:
            raise StoreError(f"{self._url}: {error}") from error
