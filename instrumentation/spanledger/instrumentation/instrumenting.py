"""Metering switched on and off by name: for programs that are not started by `opentelemetry-instrument`.

The libraries that send requests are hooked, whichever SDK uses them: a client made before or after is metered alike.
What is heavy is imported when it is switched on.
"""

# ruff: noqa: PLC0415

import logging
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from spanledger.instrumentation.wire.instrumentors import WireInstrumentor
    from spanledger.schemas.guarding import Guard

_logger: Final = logging.getLogger(__name__)


def instrument(
    *providers: str, tracer_provider: "TracerProvider | None" = None, guard: "Guard | str | None" = None
) -> None:
    """Meter calls to these providers (`"openai"`, `"anthropic"`, …), with what was asked for before; to all, if none.

    A provider is meant by its name in the conventions, or by the API that is spoken: `"openai"` covers whatever is
    called the way OpenAI is. The spans go to `tracer_provider`, else to the global one; where the program has set
    none, straight to the ledger. `guard` is asked before a call is sent: `"enforce"`, `"observe"`
    or one of your own; None leaves that to `SPANLEDGER_GUARD`. Never raises.
    """
    try:
        from spanledger.instrumentation.wire.admission import guard_from
        from spanledger.instrumentation.wire.hooks import SWITCH

        if tracer_provider is None and SWITCH.meter is None:
            from spanledger.instrumentation.wire.own_provider import ready_provider

            tracer_provider = ready_provider()
        for instrumentor in _instrumentors():
            if not instrumentor.is_instrumented_by_opentelemetry:
                _switch_on(instrumentor, tracer_provider, frozenset(providers))
        if SWITCH.meter is not None:
            SWITCH.meter.admit(frozenset(providers))
            if guard is not None:
                SWITCH.meter.guard = guard_from(os.environ, guard) if isinstance(guard, str) else guard
    except Exception:
        _logger.warning("spanledger could not instrument", exc_info=True)


def uninstrument(*providers: str) -> None:
    """Meter these providers no more; none at all, if none is named. What was metered is on disk then. Never raises.

    Libraries get their own methods back, and what attribution carries along stays: others may rely on it.
    """
    try:
        from spanledger.instrumentation.wire.hooks import SWITCH

        if providers and SWITCH.meter is not None and SWITCH.meter.dismiss(frozenset(providers)):
            return
        for instrumentor in _instrumentors():
            if instrumentor.is_instrumented_by_opentelemetry:
                instrumentor.uninstrument()
        from spanledger.instrumentation.wire.own_provider import flush

        flush()
    except Exception:
        _logger.warning("spanledger could not uninstrument", exc_info=True)


def patch_openai() -> None:
    """Meter what is called the way OpenAI is: the predecessor's name of `instrument("openai")`."""
    instrument("openai")


def patch_anthropic() -> None:
    """Meter what is called the way Anthropic is: the predecessor's name of `instrument("anthropic")`."""
    instrument("anthropic")


def patch_google() -> None:
    """Meter what is called the way Gemini is: the predecessor's name of `instrument("google")`."""
    instrument("google")


def unpatch_openai() -> None:
    """Meter it no more."""
    uninstrument("openai")


def unpatch_anthropic() -> None:
    """Meter it no more."""
    uninstrument("anthropic")


def unpatch_google() -> None:
    """Meter it no more."""
    uninstrument("google")


def _switch_on(
    instrumentor: "WireInstrumentor", tracer_provider: "TracerProvider | None", only: frozenset[str]
) -> None:
    # A library that is not installed has nothing to be metered.
    try:
        instrumentor.instrument(tracer_provider=tracer_provider, only=only, skip_dep_check=True)
    except ImportError:
        _logger.debug("%s is not installed", instrumentor.library)


def _instrumentors() -> "list[WireInstrumentor]":
    from spanledger.instrumentation.wire.instrumentors import INSTRUMENTORS

    return [kind() for kind in INSTRUMENTORS]
