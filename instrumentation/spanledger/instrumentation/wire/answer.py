"""What a provider's answer says, gathered piece by piece. No content: counts, names and ids."""

from collections.abc import Callable, Mapping
from typing import Final, cast

import msgspec

from spanledger.instrumentation.wire.request import NAME_CHARS_MAX, name

# More reasons than that (one a choice) say nothing more.
FINISH_REASONS_MAX: Final = 16
# Beyond a count of one call; what is larger is no count.
COUNT_MAX: Final = 2**53


class Answer(msgspec.Struct):
    """What is known of one answer so far; later statements replace earlier ones."""

    model: str = ""
    response_id: str = ""
    tier: str = ""
    error_type: str = ""
    finish_reasons: list[str] = []
    usage: dict[str, int] = {}
    cost: float | int | None = None
    final: bool = False
    """Whether `usage` is the provider's last word: of a stream that is broken off, it may be a beginning."""
    on_over: Callable[[], None] | None = None
    """Whom to tell that a stream has said all it has to say: not everybody reads on, or closes what was read."""

    def identify(self, response_id: object, model: object) -> None:
        """Take the id and the model, where they are stated."""
        if type(response_id) is str and response_id:
            self.response_id = response_id[:NAME_CHARS_MAX]
        if type(model) is str and model:
            self.model = model[:NAME_CHARS_MAX]

    def finished(self, reason: object) -> None:
        """Take one finish reason."""
        if type(reason) is str and reason and len(self.finish_reasons) < FINISH_REASONS_MAX:
            self.finish_reasons.append(reason[:NAME_CHARS_MAX])

    def over(self) -> None:
        """Nothing that matters follows in this stream."""
        self.final = True
        if self.on_over is not None:
            self.on_over()

    def failed(self, error: object) -> None:
        """Take an error that came inside an answer."""
        self.error_type = next((kind for key in ("type", "code", "status") if (kind := text(error, key))), "error")

    def take(self, stated: object, units: Mapping[str, str]) -> None:
        """Take every count of an object that has a unit by its key."""
        if type(stated) is dict:
            usage = self.usage
            for key, value in cast("dict[str, object]", stated).items():
                if key in units:
                    # The common case without a call: a cold call costs more than all the rest of a count.
                    number = value if type(value) is int and 0 <= value <= COUNT_MAX else count(value)
                    if number is not None:
                        usage[units[key]] = number

    def take_all(self, units: tuple[str, ...], values: tuple[object, ...]) -> None:
        """Take counts: each has the unit of its place."""
        usage = self.usage
        for unit, value in zip(units, values, strict=True):
            if value is not None:
                number = value if type(value) is int and 0 <= value <= COUNT_MAX else count(value)
                if number is not None:
                    usage[unit] = number

    def counted(self, unit: str, value: object) -> int | None:
        """Take one count; what is no count leaves the unit unknown."""
        number = count(value)
        if number is not None:
            self.usage[unit] = number
        return number


def count(value: object) -> int | None:
    """A whole number of something; None for whatever else stands there. Some providers write `12.0`."""
    if type(value) is int:
        return value if 0 <= value <= COUNT_MAX else None
    return int(value) if isinstance(value, float) and value.is_integer() and 0 <= value <= COUNT_MAX else None


def text(value: object, key: str) -> str:
    """A name inside an object that may be none."""
    return name(part(value, key))


def part(value: object, *path: str) -> object:
    """What stands at a path of keys; None if anything on the way is no object."""
    for key in path:
        if type(value) is not dict:
            return None
        value = cast("dict[str, object]", value).get(key)
    return value


NOTHING: Final = msgspec.Raw(b"null")

Odd = list[object] | str | int | float | bool | None
"""What may stand where an object should: it is passed over, and what stands beside it is read."""
