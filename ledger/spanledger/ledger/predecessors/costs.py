"""What TokenLedger's queries answer with. Money is US dollars, as a float; what it leaves out stands beside it."""

from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(kw_only=True)
class _Costs:
    total_cost: float
    """The sum in US dollars of what has a price, exact until this last step."""
    total_requests: int
    """Answers and failed tries."""
    unpriced_requests: int = 0
    """Answers whose cost nobody knows: they are not in `total_cost`, and not free."""
    other_currencies: dict[str, float] = field(default_factory=dict[str, float])
    """Sums in other currencies, which are never added to dollars."""


@dataclass(kw_only=True)
class CostSummary(_Costs):
    """A period."""

    total_tokens: int
    total_input_tokens: int
    total_output_tokens: int
    avg_cost_per_request: float
    avg_tokens_per_request: float


@dataclass(kw_only=True)
class ModelCost(_Costs):
    """A model of a provider."""

    model: str
    provider: str
    total_tokens: int
    avg_cost_per_request: float


@dataclass(kw_only=True)
class UserCost(_Costs):
    """A user; `anonymous` where nobody was named."""

    user_id: str
    total_tokens: int


@dataclass(kw_only=True)
class DailyCost(_Costs):
    """A day of the zone that was asked for."""

    date: date
    total_tokens: int


@dataclass(kw_only=True)
class HourlyCost(_Costs):
    """An hour, by its first instant."""

    hour: datetime
