"""What runs inside an application. Importing it is cheap, and nothing in it may hurt its host.

A name is loaded when it is first asked for, so an application pays for what it uses.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from spanledger.instrumentation.attributing import AttributionSpanProcessor, attribution
    from spanledger.instrumentation.instrumenting import (
        instrument,
        patch_anthropic,
        patch_google,
        patch_openai,
        uninstrument,
        unpatch_anthropic,
        unpatch_google,
        unpatch_openai,
    )
    from spanledger.instrumentation.work.answers import track_llm
    from spanledger.instrumentation.work.calls import LLMEvent, track_cost
    from spanledger.instrumentation.work.decorating import record
    from spanledger.instrumentation.work.recording import arecording, recording
    from spanledger.instrumentation.work.track import atrack, track
    from spanledger.instrumentation.work.tracker import configure, flush, get_async_tracker, get_tracker

__all__ = [
    "AttributionSpanProcessor",
    "LLMEvent",
    "arecording",
    "atrack",
    "attribution",
    "configure",
    "flush",
    "get_async_tracker",
    "get_tracker",
    "instrument",
    "patch_anthropic",
    "patch_google",
    "patch_openai",
    "record",
    "recording",
    "track",
    "track_cost",
    "track_llm",
    "uninstrument",
    "unpatch_anthropic",
    "unpatch_google",
    "unpatch_openai",
]

_HOMES: Final = {
    "attributing": ("AttributionSpanProcessor", "attribution"),
    "instrumenting": (
        "instrument",
        "patch_anthropic",
        "patch_google",
        "patch_openai",
        "uninstrument",
        "unpatch_anthropic",
        "unpatch_google",
        "unpatch_openai",
    ),
    "work.answers": ("track_llm",),
    "work.calls": ("LLMEvent", "track_cost"),
    "work.decorating": ("record",),
    "work.recording": ("arecording", "recording"),
    "work.track": ("atrack", "track"),
    "work.tracker": ("configure", "flush", "get_async_tracker", "get_tracker"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            found: object = getattr(import_module(f"{__name__}.{home}"), name)
            globals()[name] = found
            return found
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
