"""A budget as it is set, and its state as it is told. Checked where it comes in; nothing is read or written here."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, cast

import msgspec

from spanledger.ledger.budgets.windows import check_window
from spanledger.ledger.periods import zone
from spanledger.schemas import ConfigurationError
from spanledger.schemas.event import COLUMNS
from spanledger.schemas.money import AMOUNT_DIGITS_MAX, ATTO_DIGITS

NAME_CHARS_MAX: Final = 200
VALUE_CHARS_MAX: Final = 1024

CALL_WORDS: Final = (
    "tenant",
    "environment",
    "service_name",
    "user_id",
    "session_id",
    "organization_id",
    "feature",
    "team",
    "project",
    "cost_center",
    "agent",
    "provider",
    "model",
    "operation",
)
"""What is known of a call before it is made: all that a hard budget's scope may name."""

_CURRENCY: Final = re.compile("[A-Z]{3}")
_WORDS: Final = ("LowCardinality(String)", "String")
_OUTCOMES: Final = frozenset(
    {
        "kind",
        "currency",
        "cost_state",
        "revenue_currency",
        "reporting_currency",
        "fx_source",
        "price_book",
        "price_id",
    }
)
"""Words of an event that say how it was booked, not who caused it."""
SCOPE_WORDS: Final = tuple(name for name, column in COLUMNS.items() if column.type in _WORDS and name not in _OUTCOMES)
"""What a budget's scope may name."""

THRESHOLDS: Final = (50, 80, 100)
THRESHOLD_MAX: Final = 1000
_THRESHOLDS_MAX: Final = 20

# Above what the catalogue's models cost but for a few: a model nobody has a price for must not be a way round a budget.
UNPRICED_PER_MILLION_TOKENS: Final = Decimal(100)
UNPRICED_PER_REQUEST: Final = Decimal("0.1")


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything of a budget but its name: what `PUT /v1/budgets/{name}` is given."""

    scope: dict[str, str] = {}
    """Dimension → the value it must have; empty is everything."""
    window: str
    """`hour`, `day`, `week`, `month`, `total`, or `rolling:` and an ISO 8601 duration (`rolling:P7D`)."""
    tz: str = "UTC"
    """The IANA zone in whose calendar the window begins."""
    currency: str = "USD"
    limit: Decimal
    hard: bool = False
    """Whether calls without room are denied, not only told of."""
    thresholds: tuple[int, ...] = THRESHOLDS
    """Percent of the limit at which somebody is told."""
    unpriced_per_million_tokens: Decimal = UNPRICED_PER_MILLION_TOKENS
    """What a million tokens nobody has a price for count, in the budget's currency."""
    unpriced_per_request: Decimal = UNPRICED_PER_REQUEST
    """What such a request counts besides; all that one of unknown usage counts."""


class Budget(Terms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A limit on what the calls of a scope may cost in a window. See `checked`."""

    name: str

    @classmethod
    def of(cls, name: str, terms: Terms) -> "Budget":
        """A budget of this name on these terms."""
        return cls(name=name, **{field: getattr(terms, field) for field in Terms.__struct_fields__})

    @property
    def key(self) -> tuple[tuple[tuple[str, str], ...], str, str]:
        """What no two budgets may have alike: scope, window and currency."""
        return tuple(sorted(self.scope.items())), self.window, self.currency

    def covers(self, call: Mapping[str, str]) -> bool:
        """Whether a call that is about to be made falls under it."""
        return all(call.get(name, "") == value for name, value in self.scope.items())

    def within(self, tenants: frozenset[str] | None) -> bool:
        """Whether it concerns nobody but these tenants (None: all), so that one who reads for them may see it."""
        return tenants is None or self.scope.get("tenant", "") in tenants


class BudgetState(msgspec.Struct, frozen=True, kw_only=True):
    """A budget at a moment."""

    budget: Budget
    since: datetime | None
    until: datetime | None
    """When the window ends; None where it does not (`total`)."""
    resets_at: datetime | None
    """When what is spent counts no longer all at once: `until` of a calendar window, else None."""
    spent: Decimal
    """What the ledger's events of the window count, worst case included."""
    held: Decimal
    """What is reserved, or was settled and is not in the ledger yet."""
    remaining: Decimal
    """Limit less spent and held; negative when exceeded."""
    percent: Decimal
    """Spent and held of the limit."""
    unpriced_requests: int
    """Requests of the window without a price, or without usage, or in a currency without a rate."""
    worst_case: Decimal
    """What of `spent` those are counted at."""

    @property
    def exceeded(self) -> bool:
        """Whether more than the limit is spent."""
        return self.remaining < 0

    @property
    def reached(self) -> tuple[int, ...]:
        """The thresholds that are reached."""
        return tuple(threshold for threshold in self.budget.thresholds if self.percent >= threshold)


class BudgetList(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /v1/budgets`: every budget that the reader may know of, by name."""

    budgets: list[BudgetState]


class Utilisation(msgspec.Struct, frozen=True, kw_only=True):
    """What was used of a budget in one of its windows, by the limit that was in force at its end (or is now)."""

    budget: str
    since: datetime | None
    until: datetime | None
    limit: Decimal | None
    """None: the budget did not exist then."""
    currency: str
    spent: Decimal
    percent: Decimal | None
    unpriced_requests: int
    worst_case: Decimal


class History(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /v1/budgets/{name}/history`: the oldest window first."""

    windows: list[Utilisation]


def checked(budget: Budget, others: Sequence[Budget] = ()) -> Budget:
    """The budget, if it can be one beside the others. Raises `ConfigurationError`: one sentence, the first mistake."""
    for mistake in _mistakes(budget):
        raise ConfigurationError(mistake)
    check_window(budget.window)
    zone(budget.tz)
    for other in others:
        if other.name != budget.name and other.key == budget.key:
            msg = f"the budget {other.name!r} has the same scope, window and currency: change or remove that one"
            raise ConfigurationError(msg)
    return budget


def _mistakes(budget: Budget) -> Iterator[str]:
    """Everything that is wrong with a budget by itself, a sentence each."""
    name, currency = budget.name, budget.currency
    if not 0 < len(name) <= NAME_CHARS_MAX or name != name.strip() or not name.isprintable() or "/" in name:
        yield f"a budget's name is 1 to {NAME_CHARS_MAX} printable characters without a slash, not {name[:64]!r}"
    for word, value in budget.scope.items():
        yield from _scope_mistakes(word, value, hard=budget.hard)
    if not _CURRENCY.fullmatch(currency):
        yield f"the currency {currency[:16]!r} is no ISO 4217 code such as USD"
    if not budget.limit.is_finite() or budget.limit <= 0:
        yield f"the limit must be an amount above zero, not {str(budget.limit)[:40]}"
    for what in ("limit", "unpriced_per_million_tokens", "unpriced_per_request"):
        yield from _amount_mistakes(what, cast("Decimal", getattr(budget, what)))
    percents = budget.thresholds
    if len(percents) > _THRESHOLDS_MAX or any(not 0 < each <= THRESHOLD_MAX for each in percents):
        yield f"thresholds are at most {_THRESHOLDS_MAX} percentages from 1 to {THRESHOLD_MAX}"
    if list(percents) != sorted(set(percents)):
        yield "thresholds are written once each, the lowest first"


def _scope_mistakes(word: str, value: str, *, hard: bool) -> Iterator[str]:
    if word not in SCOPE_WORDS:
        yield f"{word[:64]!r} is no dimension of a scope; choose from {', '.join(SCOPE_WORDS)}"
    elif hard and word not in CALL_WORDS:
        yield (f"nobody knows {word!r} before a call is made: a hard budget's scope is made of {', '.join(CALL_WORDS)}")
    if not value.isprintable() or len(value) > VALUE_CHARS_MAX:
        yield f"the value of {word!r} must be at most {VALUE_CHARS_MAX} printable characters"
    if word == "tenant" and not value:
        yield "a tenant has a name; usage that names nobody is charged to 'unattributed'"


def _amount_mistakes(what: str, amount: Decimal) -> Iterator[str]:
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or amount < 0:
        yield f"{what} must be an amount of zero or more, not {str(amount)[:40]}"
    elif amount.adjusted() >= AMOUNT_DIGITS_MAX or -exponent > ATTO_DIGITS:
        yield f"{what} has more than {AMOUNT_DIGITS_MAX} digits before, or {ATTO_DIGITS} after the point"
