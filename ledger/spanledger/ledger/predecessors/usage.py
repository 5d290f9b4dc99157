"""`LLMUsage`: one call, as 371OS's router writes it down. `model_dump(mode="json")` is the record of its file."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal

import msgspec

from spanledger.schemas import ConfigurationError
from spanledger.schemas.money import parse_amount
from spanledger.schemas.units import COUNT_MAX

STATUSES: Final = ("ok", "fallback", "error")
_DUMPED: Final = ("ts", "provider", "model", "tokens_in", "tokens_out", "cost", "task_id", "agent", "status")


@dataclass(kw_only=True)
class LLMUsage:
    """What one call used, and cost by its caller's account. `fallback`: another model than the first answered."""

    ts: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When; without an offset it is in the ledger's zone."""
    provider: str
    model: str
    tokens_in: int
    tokens_out: int
    cost: float | Decimal
    task_id: str | None = None
    agent: str | None = None
    status: Literal["ok", "fallback", "error"] | None = "ok"
    response_id: str | None = None
    """The provider's id of the answer. With it, this and whatever else tells of the call are one charge."""

    def __post_init__(self) -> None:
        """Refuse what can be no usage: `ConfigurationError`, naming the field."""
        if isinstance(self.ts, str):
            self.ts = _instant(self.ts)
        for name in ("tokens_in", "tokens_out"):
            count = getattr(self, name)
            if type(count) is not int or not 0 <= count <= COUNT_MAX:
                msg = f"{name} {count!r} must be a whole number of tokens"
                raise ConfigurationError(msg)
        try:
            parse_amount(self.cost)
        except ValueError as error:
            msg = f"cost {self.cost!r} must be an amount of US dollars"
            raise ConfigurationError(msg) from error
        if self.status not in {*STATUSES, None}:
            msg = f"status {self.status!r} must be one of {', '.join(STATUSES)}"
            raise ConfigurationError(msg)

    def model_dump(self, *, mode: Literal["python", "json"] = "python") -> dict[str, object]:
        """The nine fields in their order; with `mode="json"` the time is ISO 8601 and the cost a number."""
        said: dict[str, object] = {name: getattr(self, name) for name in _DUMPED}
        if mode == "json":
            said["ts"] = self.ts.isoformat().replace("+00:00", "Z")
            said["cost"] = float(self.cost)
        return said

    def model_dump_json(self, *, indent: int | None = None) -> str:
        """The same as text."""
        text = msgspec.json.encode(self.model_dump(mode="json"))
        return (msgspec.json.format(text, indent=indent) if indent else text).decode()


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"ts {text!r} must be a time such as 2026-11-02T09:30:00+01:00"
        raise ConfigurationError(msg) from error
