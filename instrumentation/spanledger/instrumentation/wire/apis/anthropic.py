"""Anthropic's messages: `types/usage.py`, `types/message_delta_usage.py`, `types/beta/beta_usage.py` of its package.

Input is stated without what was read from and written to a cache: the whole is their sum. A stream's first count of
output is a placeholder, later ones are cumulative. A compaction's tokens are billed on top of the stated ones.
"""

from collections.abc import Sequence
from typing import Final, cast

import msgspec

from spanledger.instrumentation.wire.answer import Answer, count, part
from spanledger.instrumentation.wire.apis.api import Api
from spanledger.schemas import units as u

_TOP: Final = {
    "cache_read_input_tokens": u.CACHE_READ_TOKENS,
    "cache_creation_input_tokens": u.CACHE_WRITE_TOKENS,
    "output_tokens": u.OUTPUT_TOKENS,
}
_NESTED: Final = {
    "cache_creation": {
        "ephemeral_5m_input_tokens": u.CACHE_WRITE_5M_TOKENS,
        "ephemeral_1h_input_tokens": u.CACHE_WRITE_1H_TOKENS,
    },
    "output_tokens_details": {"thinking_tokens": u.REASONING_TOKENS},
    "server_tool_use": {
        "web_search_requests": u.WEB_SEARCHES,
        "web_fetch_requests": u.WEB_FETCHES,
        "code_execution_requests": u.CODE_EXECUTIONS,
    },
}


class _Delta(msgspec.Struct):
    stop_reason: object = None


class _Message(msgspec.Struct):
    id: object = None
    model: object = None
    stop_reason: object = None
    usage: object = None


class _Event(msgspec.Struct):
    type: object = None
    message: _Message | None = None
    delta: _Delta | None = None
    usage: object = None
    error: object = None


_message: Final = msgspec.json.Decoder(_Message).decode
_event: Final = msgspec.json.Decoder(_Event).decode


def message(body: bytes, answer: Answer) -> None:
    """A whole message."""
    said = _message(body)
    answer.identify(said.id, said.model)
    answer.finished(said.stop_reason)
    if said.usage is not None:
        _Usage(answer).read(said.usage)
        answer.final = True


def event(data: bytes, answer: Answer) -> None:
    """One event of a stream."""
    said = _event(data)
    if said.message is not None:
        answer.identify(said.message.id, said.message.model)
        _Usage(answer).read(said.message.usage)
    if said.error is not None:
        answer.failed(said.error)
    if said.delta is not None and said.delta.stop_reason is not None:
        answer.finished(said.delta.stop_reason)
        answer.final = said.usage is not None
    if said.usage is not None:
        _Usage(answer).read(said.usage)
        if answer.final:
            # What still comes says only that nothing does.
            answer.over()


class _Usage:
    """One `usage` object onto what is known already: an event states some counts, and not the others again."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def read(self, usage: object) -> None:
        answer, known = self._answer, self._answer.usage
        cached_before = known.get(u.CACHE_READ_TOKENS, 0) + known.get(u.CACHE_WRITE_TOKENS, 0)
        plain = count(part(usage, "input_tokens"))
        if plain is None and u.INPUT_TOKENS in known:
            plain = known[u.INPUT_TOKENS] - cached_before
        answer.take(usage, _TOP)
        for name, units in _NESTED.items():
            answer.take(part(usage, name), units)
        if plain is not None:
            known[u.INPUT_TOKENS] = plain + known.get(u.CACHE_READ_TOKENS, 0) + known.get(u.CACHE_WRITE_TOKENS, 0)
        tier = part(usage, "service_tier")
        if isinstance(tier, str):
            answer.tier = tier
        self._add_compactions(part(usage, "iterations"))

    def _add_compactions(self, iterations: object) -> None:
        if not isinstance(iterations, Sequence) or isinstance(iterations, str):
            return
        known = self._answer.usage
        for each in cast("Sequence[object]", iterations):
            if part(each, "type") == "compaction":
                for unit, key in ((u.INPUT_TOKENS, "input_tokens"), (u.OUTPUT_TOKENS, "output_tokens")):
                    known[unit] = known.get(unit, 0) + (count(part(each, key)) or 0)


MESSAGES: Final = Api(body=message, event=event, marks=(b'_tokens"', b'"error"', b'stop_reason":"'))
