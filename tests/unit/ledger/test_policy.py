"""What a policy server is told, and what its answers mean; the shipped policies are tested by `make policy`."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from support.answering import answering

from spanledger.ledger.budgets.estimate import Estimate
from spanledger.ledger.budgets.keeper import PolicyInput
from spanledger.ledger.budgets.reservation import Reserve, Room
from spanledger.ledger.policy import OpaSettings, PolicyServer, document_of, read_opa
from spanledger.schemas import ConfigurationError, PolicyDeniedError

ROOM = Room(
    name="team-day",
    limit=Decimal("5.00"),
    spent=Decimal("4.10"),
    held=Decimal("0.20"),
    remaining=Decimal("0.70"),
    currency="USD",
    resets_at=datetime(2026, 11, 23, tzinfo=UTC),
)
KNOWN = PolicyInput(
    asked=Reserve(
        call={"tenant": "acme", "agent": "writer", "model": "gpt-4o"},
        input_tokens=1001,
        max_output_tokens=4000,
        calls=4,
        approval="CHG-12",
    ),
    estimate=Estimate(Decimal("0.100000000000000001"), "USD"),
    budgets=(ROOM,),
)


def test_a_policy_is_told_of_one_call() -> None:
    """Of a lease for four: a quarter of each, rounded up; amounts are exact."""
    assert document_of(KNOWN) == {
        "call": {"tenant": "acme", "agent": "writer", "model": "gpt-4o"},
        "calls": 4,
        "input_tokens": 251,
        "max_output_tokens": 1000,
        "estimated_cost": Decimal("0.025000000000000001"),
        "currency": "USD",
        "approval": "CHG-12",
        "budgets": [
            {
                "name": "team-day",
                "limit": Decimal("5.00"),
                "spent": Decimal("4.10"),
                "held": Decimal("0.20"),
                "remaining": Decimal("0.70"),
                "currency": "USD",
                "resets_at": "2026-11-23T00:00:00+00:00",
            }
        ],
    }


def test_what_is_unknown_is_null() -> None:
    """And not zero."""
    unknown = PolicyInput(asked=Reserve(calls=3), estimate=Estimate(None, "USD"), budgets=())
    told = document_of(unknown)
    assert (told["estimated_cost"], told["input_tokens"], told["max_output_tokens"]) == (None, None, None)


def test_amounts_travel_digit_by_digit() -> None:
    """As numbers, which the policy server reads exactly."""
    with answering() as server:
        server.answer = 200, {"result": {"allow": True}}
        PolicyServer(OpaSettings(server.url)).decide(KNOWN)
    assert server.paths == ["/v1/data/spanledger/decision"]
    assert b'"estimated_cost":0.025000000000000001' in server.bodies[0]


def test_a_denial_names_the_policy_and_its_reason() -> None:
    """One that names neither is a denial all the same."""
    with answering() as server:
        policies = PolicyServer(OpaSettings(server.url))
        for said, told in (
            ({"allow": False, "policy": "models.allowed", "reason": "no"}, ("models.allowed", "no")),
            ({"allow": False}, ("unnamed", "the policy gives no reason")),
        ):
            server.answer = 200, {"result": said}
            with pytest.raises(PolicyDeniedError) as caught:
                policies.decide(KNOWN)
            assert (caught.value.policy, caught.value.reason) == told
    assert policies.counts == {"denied": 2}


UNDECIDED: list[tuple[int, object]] = [
    (200, {}),
    (200, {"result": {"allow": "yes"}}),
    (200, {"result": True}),
    (500, {"code": "internal_error"}),
    (404, {}),
]


@pytest.mark.parametrize("answer", UNDECIDED)
@pytest.mark.parametrize("away", ["allow", "deny"])
def test_what_is_no_decision_means_what_is_set(
    caplog: pytest.LogCaptureFixture, answer: tuple[int, object], away: str
) -> None:
    """No policy of that name, another form, an error: logged once until it decides again."""
    settings = read_opa({"SPANLEDGER_OPA_URL": "http://127.0.0.1:1", "SPANLEDGER_OPA_AWAY": away})
    assert settings is not None
    with answering() as server:
        policies = PolicyServer(OpaSettings(server.url, settings.away))
        for _ in range(2):
            server.answer = answer
            _decide(policies, away)
        assert len(caplog.records) == 1
        server.answer = 200, {"result": {"allow": True}}
        policies.decide(KNOWN)
        server.answer = answer
        _decide(policies, away)
    assert len(caplog.records) == 2
    assert policies.counts == {"away": 3, "allowed": 1}


def _decide(policies: PolicyServer, away: str) -> None:
    if away == "allow":
        policies.decide(KNOWN)
    else:
        with pytest.raises(PolicyDeniedError, match="cannot be asked") as caught:
            policies.decide(KNOWN)
        assert caught.value.policy == "opa.away"


def test_a_server_that_is_not_there_is_away() -> None:
    """As one that answers nothing of use."""
    with answering() as server:
        url = server.url
    policies = PolicyServer(OpaSettings(url))
    policies.decide(KNOWN)
    assert policies.counts == {"away": 1}


def test_settings_that_are_wrong_are_named() -> None:
    """In a sentence; without a URL nobody is asked."""
    assert read_opa({}) is None
    assert read_opa({"SPANLEDGER_OPA_URL": "http://opa:8181/"}) == OpaSettings("http://opa:8181")
    for name, value in (
        ("SPANLEDGER_OPA_URL", "opa:8181"),
        ("SPANLEDGER_OPA_URL", "http://user:word@opa:8181"),
        ("SPANLEDGER_OPA_AWAY", "perhaps"),
    ):
        with pytest.raises(ConfigurationError, match=name):
            read_opa({name: value})


def test_an_answer_without_end_is_none() -> None:
    """It is read so far and no farther."""
    with answering() as server:
        server.answer = 200, {"result": {"allow": True, "reason": "x" * 2_000_000}}
        policies = PolicyServer(OpaSettings(server.url, "deny"))
        with pytest.raises(PolicyDeniedError, match="cannot be asked"):
            policies.decide(KNOWN)
    assert msgspec.json.decode(server.bodies[0])["input"]["calls"] == 4
