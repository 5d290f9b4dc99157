import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from spanledger.ledger.budgets.budget import Budget, checked
from spanledger.ledger.budgets.estimate import at_worst
from spanledger.schemas import BudgetExceededError, ConfigurationError, PolicyDeniedError

BUDGET = Budget(name="search", scope={"team": "search"}, window="month", limit=Decimal(5))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ""}, "a budget's name"),
        ({"name": "a\nb"}, "a budget's name"),
        ({"name": "a/b"}, "a budget's name"),
        ({"name": "x" * 201}, "a budget's name"),
        ({"scope": {"weather": "fine"}}, "'weather' is no dimension"),
        ({"scope": {"day": "2026-11-22"}}, "'day' is no dimension"),
        ({"scope": {"currency": "USD"}}, "'currency' is no dimension"),
        ({"scope": {"team": "a\x1bb"}}, "the value of 'team'"),
        ({"scope": {"tenant": ""}}, "a tenant has a name"),
        ({"scope": {"region": "eu"}, "hard": True}, "nobody knows 'region' before a call"),
        ({"window": "year"}, "the window 'year'"),
        ({"tz": "Europe/Atlantis"}, "no IANA time zone"),
        ({"tz": "../../etc/passwd"}, "no IANA time zone"),
        ({"currency": "usd"}, "no ISO 4217 code"),
        ({"currency": "U1D"}, "no ISO 4217 code"),
        ({"limit": Decimal(0)}, "the limit must be an amount above zero"),
        ({"limit": Decimal(-5)}, "the limit must be an amount above zero"),
        ({"limit": Decimal("NaN")}, "the limit must be an amount above zero"),
        ({"limit": Decimal("1e30")}, "more than 20 digits"),
        ({"limit": Decimal("1e-19")}, "more than 20 digits before, or 18 after"),
        ({"unpriced_per_request": Decimal(-1)}, "must be an amount of zero or more"),
        ({"thresholds": (0,)}, "from 1 to 1000"),
        ({"thresholds": (50, 1001)}, "from 1 to 1000"),
        ({"thresholds": (80, 50)}, "the lowest first"),
    ],
)
def test_what_is_no_budget_is_told_in_a_sentence(changes: dict[str, Any], told: str) -> None:
    """The first mistake, by name."""
    with pytest.raises(ConfigurationError, match=told):
        checked(msgspec.structs.replace(BUDGET, **changes))


def test_two_budgets_do_not_overlap() -> None:
    """Equal scope, window and currency are refused under another name; under its own a budget may change."""
    assert checked(msgspec.structs.replace(BUDGET, limit=Decimal(7)), [BUDGET])
    assert checked(msgspec.structs.replace(BUDGET, name="other", window="day"), [BUDGET])
    with pytest.raises(ConfigurationError, match="the budget 'search' has the same scope"):
        checked(msgspec.structs.replace(BUDGET, name="other", tz="Asia/Tokyo"), [BUDGET])


def test_a_budget_covers_calls_of_its_scope() -> None:
    """Every equality has to hold; no scope is everything."""
    assert BUDGET.covers({"team": "search", "model": "gpt-4o"})
    assert not BUDGET.covers({"model": "gpt-4o"})
    assert msgspec.structs.replace(BUDGET, scope={}).covers({})


def test_the_errors_name_everything_and_travel() -> None:
    """Budget, limit, spent, reset time; also through a pickle, as between processes."""
    at = datetime(2026, 12, 1, tzinfo=UTC)
    error = BudgetExceededError(budget="b", limit=Decimal(5), spent=Decimal("4.95"), currency="USD", resets_at=at)
    assert str(error) == (
        "the budget 'b' has no room: 4.95 of 5 USD are spent or held; it resets at 2026-12-01T00:00:00+00:00"
    )
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own)
    assert (str(again), again.__dict__) == (str(error), error.__dict__)
    denied = PolicyDeniedError(policy="models", reason="gpt-4 is not allowed")
    again = pickle.loads(pickle.dumps(denied))  # noqa: S301 (our own)
    assert (again.policy, str(again)) == ("models", "the policy 'models' denies the call: gpt-4 is not allowed")


def test_the_worst_case_of_budgets_in_two_currencies_is_the_dearer_one() -> None:
    """Fifteen yen are less than a dollar."""
    worst = {"USD": Decimal(1), "JPY": Decimal(15)}
    budgets = [
        Budget(name=currency, window="day", currency=currency, limit=Decimal(100), unpriced_per_request=amount)
        for currency, amount in worst.items()
    ]

    def convert(amount: int, source: str, target: str) -> int:
        return amount if source == target else amount * 150 if target == "JPY" else amount // 150

    for some in (budgets, budgets[::-1]):
        assert at_worst(some, 0, 1, convert)[:2] == (Decimal(1), "USD")
