"""The real `boto3`: its attempts, and the model that only the path names."""

from collections.abc import Generator
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config
from support.fake_provider import FakeProvider, Plan
from support.metered import Metered


@pytest.fixture
def bedrock(provider: FakeProvider) -> Generator[Any]:
    """A client of Bedrock's runtime at the fake provider."""
    client: Any = cast("Any", boto3).client(
        "bedrock-runtime",
        region_name="eu-central-1",
        endpoint_url=provider.url,
        aws_access_key_id="k",
        aws_secret_access_key="s",
        config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
    )
    yield client
    client.close()


def test_bedrock_retries_are_attempts(provider: FakeProvider, metered: Metered, bedrock: Any) -> None:  # noqa: ANN401 (made at run time)
    """Botocore's own retries: each is an attempt with its number."""
    provider.plans.append(Plan(status=500))
    bedrock.converse(modelId="m", messages=[{"role": "user", "content": [{"text": "count"}]}])
    assert [(claim.attempt, claim.status) for claim in metered.claims()] == [(0, "error"), (1, "ok")]
    assert [(claim.call.request_model, claim.call.provider) for claim in metered.claims()] == [("m", "aws.bedrock")] * 2
