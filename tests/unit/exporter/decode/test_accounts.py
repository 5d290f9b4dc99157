"""Under whose account with the provider a call was made: named, or that of the cloud the caller runs in."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from support.decoding import OPEN, claims_in
from support.otlp import Value, chat, request, span

from spanledger.exporter.decode import decode
from spanledger.exporter.sift import sift
from spanledger.schemas.claim import Claim

CORPUS = Path(__file__).parents[3] / "corpus"
ON_AWS = {"cloud.provider": "aws", "cloud.account.id": "012345678901"}


def told(provider: str, resource: Mapping[str, Value], **stated: Value) -> tuple[str, tuple[str, ...]]:
    """The account of a call and its flags."""
    body = request(span(chat(gen_ai__provider__name=provider, **stated)), resource={"service.name": "s", **resource})
    # Twice, as from a receiver to a poster: what the sift does not keep is not there.
    (kept,) = sift(sift(body).payload).spans
    found = decode(kept, OPEN)
    assert isinstance(found, Claim)
    return found.call.account, found.flags


def test_an_account_that_is_named_is_the_account() -> None:
    """By the span before the resource, and before the cloud's; it is a field of the call and no metadata."""
    assert told("openai", {}, ledger__account="org-a") == ("org-a", ())
    assert told("openai", {"ledger.account": "org-b"}) == ("org-b", ())
    assert told("openai", {"ledger.account": "org-b"}, ledger__account="org-a") == ("org-a", ())
    assert told("aws.bedrock", ON_AWS, ledger__account="222222222222") == ("222222222222", ())
    assert told("openai", {}) == ("", ())
    (kept,) = sift(request(span(chat(ledger__account="org-a")))).spans
    found = decode(kept, OPEN)
    assert isinstance(found, Claim)
    assert found.attribution.metadata == {}


@pytest.mark.parametrize(
    ("cloud", "provider", "is_its_own"),
    [
        ("aws", "aws.bedrock", True),
        ("azure", "azure.ai.openai", True),
        ("azure", "azure.ai.inference", True),
        ("azure", "az.ai.openai", True),  # the conventions' old name
        ("gcp", "gcp.vertex_ai", True),
        ("gcp", "gcp.gemini", True),
        ("aws", "openai", False),
        ("aws", "azure.ai.openai", False),
        ("azure", "openai", False),
        ("gcp", "aws.bedrock", False),
        ("gcp", "anthropic", False),
        ("", "aws.bedrock", False),
        ("heroku", "aws.bedrock", False),
    ],
)
def test_a_clouds_account_is_that_of_calls_to_its_own_service_alone(
    cloud: str, provider: str, *, is_its_own: bool
) -> None:
    """And it is said that nobody named it: the call may have been made under another account of that cloud."""
    resource = {"cloud.provider": cloud, "cloud.account.id": "acc-1"}
    assert told(provider, resource) == (("acc-1", ("account_assumed",)) if is_its_own else ("", ()))


def test_the_same_kind_of_call_from_two_accounts_is_two_kinds() -> None:
    """What was remembered of the first must not answer for the second."""
    accounts = ("111111111111", "222222222222", "111111111111")
    found = [told("aws.bedrock", {**ON_AWS, "cloud.account.id": account})[0] for account in accounts]
    assert found == list(accounts)


def test_explicit_work_has_an_account_too() -> None:
    """The external service's."""
    work: dict[str, Value] = {"ledger.units": 3, "ledger.unit_type": "pages", "ledger.account": "scan-7"}
    (kept,) = sift(request(span(work))).spans
    found = decode(kept, OPEN)
    assert isinstance(found, Claim)
    assert found.call.account == "scan-7"


@pytest.mark.parametrize(
    ("recording", "account"),
    [
        ("anthropic-sdk-native/msg_plain.pb", "00000000-0000-0000-0000-000000000000"),
        ("litellm-otel-latest/chat_openai_tool_call.pb", "org-example"),
        ("litellm-otel/chat_anthropic_cache_mixed.pb", "00000000-0000-0000-0000-000000000000"),
    ],
)
def test_the_organization_that_the_provider_answered_is_the_account(recording: str, account: str) -> None:
    """Anthropic's SDK states the header of the answer, LiteLLM among its hidden parameters."""
    assert account in {claim.call.account for claim in claims_in(CORPUS / recording)}
