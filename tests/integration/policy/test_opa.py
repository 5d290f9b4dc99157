"""The shipped policies in a real Open Policy Agent, and what it denies in front of the real SDK: `make policy`."""

from pathlib import Path

import pytest
from support.commands import run, serving
from support.fake_provider import fake_provider
from support.guarded import guarded
from support.opa import POLICIES, run_opa, running_opa

from spanledger.ledger import Ledger

pytestmark = [pytest.mark.opa, pytest.mark.timeout(900)]

SETTINGS: dict[str, object] = {
    "currency": "USD",
    "models": {"allowed": {"acme": ["gpt-4o-mini", "gpt-4o"]}},
    "approval": {"above": 0.005, "accepted": "^CHG-\\d+$"},
}


def test_the_policies_pass_their_own_tests() -> None:
    """Every one has tests beside it, in the language's strict form."""
    checked = run_opa("check", "--strict", POLICIES)
    assert checked.returncode == 0, checked.stderr
    tested = run_opa("test", POLICIES)
    assert tested.returncode == 0, tested.stdout
    assert "PASS: 22/22" in tested.stdout
    told = {path.stem for path in POLICIES.glob("*.rego")}
    assert {name for name in told if not name.endswith("_test") and f"{name}_test" not in told} == set()


def test_a_real_opa_denies_a_call_of_the_real_sdk_and_the_ledger_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that is on no list, and a dear call that nobody approved, are not sent; what is approved is."""
    store = tmp_path / "store"
    with running_opa() as policies, fake_provider() as provider:
        policies.settle(SETTINGS)
        monkeypatch.setenv("SPANLEDGER_OPA_URL", policies.url)
        with serving(store):
            told = guarded(tmp_path, provider, "gpt-4o-mini gpt-4.1-nano gpt-4o gpt-4o+please gpt-4o+CHG-12")
            assert told == [
                "gpt-4o-mini answered",
                "gpt-4.1-nano policy models.allowed the model gpt-4.1-nano is not on the list of the tenant acme",
                "gpt-4o policy approval.above a call that may cost more than 0.005 USD needs somebody's approval",
                "gpt-4o policy approval.accepted its approval is none that is accepted",
                "gpt-4o answered",
            ]
            assert len(provider.seen) == 2
            with Ledger(str(store)) as ledger:
                denials = ledger.sql("SELECT denied_by, model, agent, trace_id FROM denials ORDER BY event_id").rows
                approved = ledger.sql("SELECT metadata['approval'] FROM charges ORDER BY 1").rows
            assert [row[:3] for row in denials] == [
                ("policy:models.allowed", "gpt-4.1-nano", "writer"),
                ("policy:approval.above", "gpt-4o", "writer"),
                ("policy:approval.accepted", "gpt-4o", "writer"),
            ]
            assert approved == [("",), ("CHG-12",)]
            explained = run("explain", "--store", store, str(denials[0][3])).stdout
            assert "gpt-4.1-nano of openai was denied to tenant acme: 0 USD" in explained
            assert (
                "Denied by policy:models.allowed: the model gpt-4.1-nano is not on the list of the tenant acme"
                in explained
            )


@pytest.mark.parametrize(("away", "came"), [("allow", "gpt-4o answered"), ("deny", "gpt-4o policy opa.away")])
def test_a_policy_server_that_is_away_means_what_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, away: str, came: str
) -> None:
    """It goes away while the server runs."""
    with fake_provider() as provider:
        with running_opa() as policies:
            monkeypatch.setenv("SPANLEDGER_OPA_URL", policies.url)
        monkeypatch.setenv("SPANLEDGER_OPA_AWAY", away)
        with serving(tmp_path / "store"):
            (told,) = guarded(tmp_path, provider, "gpt-4o")
    assert told.startswith(came)
