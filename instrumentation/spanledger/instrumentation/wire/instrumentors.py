"""One OpenTelemetry instrumentor a library. Each hooks its own; the meter behind them is one.

Auto-instrumentation loads each class by its entry point, and skips it quietly where the library is not installed.
"""

# pyright: reportUnknownMemberType=false, reportUntypedBaseClass=false, reportMissingTypeStubs=false

import os
from collections.abc import Collection
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar, Final

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from spanledger.instrumentation.wire import aiohttp_session, httpx_send, requests_send, urllib3_pool, websocket
from spanledger.instrumentation.wire.admission import guard_from
from spanledger.instrumentation.wire.hooks import SWITCH, Hooks
from spanledger.instrumentation.wire.meter import Meter
from spanledger.instrumentation.wire.settings import endpoints_from


class WireInstrumentor(BaseInstrumentor):
    """What the instrumentors have in common."""

    library: ClassVar[str]
    required: ClassVar[str]
    _on: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        super().__init__()
        if not hasattr(self, "_hooks"):
            self._hooks = Hooks()

    def instrumentation_dependencies(self) -> Collection[str]:
        """The library whose requests are metered."""
        return (self.required,)

    @staticmethod
    def hook(library: ModuleType, hooks: Hooks) -> None:
        """Replace what sends."""
        raise NotImplementedError

    def _instrument(self, **kwargs: Any) -> None:  # noqa: ANN401
        # A library that is missing raises ModuleNotFoundError, by which auto-instrumentation knows.
        library = import_module(self.library)
        if SWITCH.meter is None:
            SWITCH.meter = Meter(endpoints_from(os.environ), kwargs.get("tracer_provider"), kwargs.get("only"))
            SWITCH.meter.guard = guard_from(os.environ)
        self.hook(library, self._hooks)
        self._on.add(self.library)

    def _uninstrument(self, **_kwargs: Any) -> None:  # noqa: ANN401
        self._hooks.give_back()
        self._on.discard(self.library)
        if not self._on:
            SWITCH.meter = None


class HttpxInstrumentor(WireInstrumentor):
    """Meters calls made with httpx."""

    library = "httpx"
    required = "httpx >= 0.23"
    hook = staticmethod(httpx_send.hook)


class Httpx2Instrumentor(WireInstrumentor):
    """Meters calls made with httpx2, which the SDKs of OpenAI and Anthropic use."""

    library = "httpx2"
    required = "httpx2 >= 2.0"
    hook = staticmethod(httpx_send.hook)


class RequestsInstrumentor(WireInstrumentor):
    """Meters calls made with requests."""

    library = "requests"
    required = "requests >= 2.25"
    hook = staticmethod(requests_send.hook)


class Urllib3Instrumentor(WireInstrumentor):
    """Meters calls made with urllib3, and with botocore, which sends by it."""

    library = "urllib3"
    required = "urllib3 >= 1.26"
    hook = staticmethod(urllib3_pool.hook)


class AiohttpInstrumentor(WireInstrumentor):
    """Meters calls made with aiohttp's client."""

    library = "aiohttp"
    required = "aiohttp >= 3.8"
    hook = staticmethod(aiohttp_session.hook)


class WebsocketsInstrumentor(WireInstrumentor):
    """Meters sessions over websockets, which OpenAI's SDK uses."""

    library = "websockets"
    required = "websockets >= 13.1"
    hook = staticmethod(websocket.hook)


INSTRUMENTORS: Final[tuple[type[WireInstrumentor], ...]] = (
    HttpxInstrumentor,
    Httpx2Instrumentor,
    RequestsInstrumentor,
    Urllib3Instrumentor,
    AiohttpInstrumentor,
    WebsocketsInstrumentor,
)
