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
        self._replaced: list[tuple[type, str, Method | None, Method]] = []

    def replace(self, owner: type, name: str, make: Callable[[Method], Method]) -> None:
        """Put `make(original)` in the place of a method."""
        ours = make(getattr(owner, name))
        # None: the owner inherits it, and shall again.
        self._replaced.append((owner, name, owner.__dict__.get(name), ours))
        setattr(owner, name, ours)

    def give_back(self) -> None:
        """Put the originals back where ours still stand; where somebody wrapped ours, it asks a meter that is off."""
        for owner, name, original, ours in reversed(self._replaced):
            if owner.__dict__.get(name) is not ours:
                continue
            if original is None:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
        self._replaced.clear()
