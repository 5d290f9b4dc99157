"""`@track_llm(provider="openai")`: what a function returns is an answer of a model, and says what it used.

OpenAI's and Anthropic's objects, and mappings of the same shape. Of a generator the last thing it yields is read.
"""

from collections.abc import Callable, Mapping
from time import time_ns
from typing import Any, Final, ParamSpec, TypeVar, cast

from spanledger.instrumentation.attributing.failing import failed
from spanledger.instrumentation.work.calls import state
from spanledger.instrumentation.work.wrapping import watched

_P = ParamSpec("_P")
_R = TypeVar("_R")

_NS_PER_MS: Final = 1_000_000


def track_llm(
    function: Callable[_P, _R] | None = None, *, provider: str = "", model: str = "", **dimensions: object
) -> Any:  # noqa: ANN401 (a function, or what decorates one)
    """Record every call of a function by what it returns; one that raises is an attempt."""

    def decorate(decorated: Callable[_P, _R]) -> Callable[_P, _R]:
        return cast("Callable[_P, _R]", watched(decorated, lambda: _Watch(provider, model, dimensions)))

    return decorate if function is None else decorate(function)


class _Watch:
    def __init__(self, provider: str, model: str, dimensions: Mapping[str, object]) -> None:
        self._known: dict[str, object] = {**dimensions, "provider": provider, "model": model}
        self._start_ns = time_ns()

    def ended(self, result: object) -> None:
        """Record what the answer states."""
        self._state(lambda: used(result))

    def failed(self, error: BaseException) -> None:
        """Record an attempt."""
        self._state(lambda: {"status": "error", "error_type": type(error).__qualname__})

    def _state(self, told: Callable[[], Mapping[str, object]]) -> None:
        try:
            call = {**self._known, **{name: value for name, value in told().items() if value is not None}}
            call["duration_ms"] = (time_ns() - self._start_ns) / _NS_PER_MS
            state(call, {})
        except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
            failed("a call cannot be recorded", error)


def used(answer: object) -> dict[str, object]:
    """What an answer states of the call, by the names of `LLMEvent`; None for what it does not."""
    usage = _of(answer, "usage")
    prompt, input_tokens = _of(usage, "prompt_tokens"), _of(usage, "input_tokens")
    details = _of(usage, "prompt_tokens_details") or _of(usage, "input_tokens_details")
    read, written = _of(usage, "cache_read_input_tokens"), _of(usage, "cache_creation_input_tokens")
    whole = prompt if prompt is not None else input_tokens
    if prompt is None and isinstance(whole, int):
        # Anthropic counts what it read from and wrote to its cache apart.
        whole += sum(part for part in (read, written) if isinstance(part, int))
    output = _of(usage, "completion_tokens")
    return {
        "input_tokens": whole,
        "output_tokens": output if output is not None else _of(usage, "output_tokens"),
        "cached_tokens": read if read is not None else _of(details, "cached_tokens"),
        "cache_write_tokens": written,
        "model": _of(answer, "model"),
        "response_id": _of(answer, "id"),
    }


def _of(holder: object, name: str) -> object:
    if isinstance(holder, Mapping):
        return cast("Mapping[str, object]", holder).get(name)
    return cast("object", getattr(holder, name, None))
