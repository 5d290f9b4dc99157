"""A denial as the SDK that sends lets it through: the error itself, which is also one of the SDK's own.

SDKs take what comes out of a request for a broken connection: they send again, and raise an error of their own. What
is one of theirs already passes. So the error that is raised through an SDK has its own class, name, text and
attributes, and one base more; copied or pickled it is the plain one.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError
from functools import lru_cache
from types import FrameType
from typing import Any, Final, TypeAlias, cast

from spanledger.schemas.errors import BudgetExceededError, PolicyDeniedError

_BASE_CLIENT: Final = "._base_client"
"""The module that sends in every SDK that Stainless writes: OpenAI's, Anthropic's, Groq's."""
_BOTOCORE: Final = "botocore.httpsession"
"""It renames every exception but one."""


_Denial: TypeAlias = BudgetExceededError | PolicyDeniedError


def seen_as(denial: _Denial) -> _Denial:
    """The same error, as whoever is sending now lets it through."""
    plain = type(denial)
    # Who is sending stands nowhere else.
    for module in _senders(sys._getframe(1)):  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        root = _root_of(module)
        if root is not None and not isinstance(denial, root):
            try:
                return _like(denial, _also(plain, root))
            except TypeError:
                # An error of that SDK is not made without its own arguments: it sees ours as it is.
                return denial
    return denial


def _like(denial: _Denial, kind: type[_Denial]) -> _Denial:
    """An error of another class that says the same."""
    made = kind.__new__(kind)
    made.args = denial.args
    vars(made).update(vars(denial))
    return made


def _senders(frame: FrameType | None) -> Iterator[str]:
    """The modules that are on their way through a request, the innermost first."""
    while frame is not None:
        name = frame.f_globals.get("__name__")
        if isinstance(name, str) and (name.endswith(_BASE_CLIENT) or name == _BOTOCORE):
            yield name
        frame = frame.f_back


def _root_of(module: str) -> type[Exception] | None:
    """The error of a sender that it hands on as it is."""
    if module == _BOTOCORE:
        return CancelledError
    package: Any = sys.modules.get(module.removesuffix(_BASE_CLIENT))
    failure = getattr(package, "APIError", None)
    if not isinstance(failure, type):
        return None
    # `APIError` is below the SDK's own root.
    root = failure.__mro__[1]
    return root if issubclass(root, Exception) and root is not Exception else None


@lru_cache(maxsize=16)
def _also(plain: type[_Denial], root: type[Exception]) -> type[_Denial]:
    def reduced(made: _Denial) -> str | tuple[Any, ...]:
        return _like(made, plain).__reduce__()

    named = {"__module__": plain.__module__, "__qualname__": plain.__qualname__, "__doc__": plain.__doc__}
    return cast("type[_Denial]", type(plain.__name__, (plain, root), {**named, "__reduce__": reduced}))
