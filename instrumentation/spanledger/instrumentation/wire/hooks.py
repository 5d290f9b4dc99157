"""Methods of other libraries, replaced and given back. The meter that they ask is one for all of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from spanledger.instrumentation.wire.meter import Meter

Method = Callable[..., Any]


class Switch:
    """The process's meter while it is on."""

    def __init__(self) -> None:
        self.meter: Meter | None = None


SWITCH: Final = Switch()


class Hooks:
    """The methods that one library's instrumentor has replaced."""

    def __init__(self) -> None:
        self._replaced: list[tuple[type, str, Method, Method]] = []

    def replace(self, owner: type, name: str, make: Callable[[Method], Method]) -> None:
        """Put `make(original)` in the place of a method."""
        original: Method = getattr(owner, name)
        ours = make(original)
        setattr(owner, name, ours)
        self._replaced.append((owner, name, original, ours))

    def give_back(self) -> None:
        """Put the originals back where ours still stand; where somebody wrapped ours, it asks a meter that is off."""
        for owner, name, original, ours in reversed(self._replaced):
            if owner.__dict__.get(name) is ours:
                setattr(owner, name, original)
        self._replaced.clear()
