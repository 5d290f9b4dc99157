"""Log events that repeat what a call's span states: `gen_ai.client.inference.operation.details`, of any emitter.

The conventions' event for those who log calls with or without traces. It has the span's attributes, the response's id
among them, so an emitter counts in its events as it does in its spans: each dialect of spans that is known by its scope
is a dialect of events. What makes counts doubtful often stands on the span alone, so in an event it may always hold.
Source: conventions 1.37, `docs/gen-ai/gen-ai-events.md`; microsoft/vscode-copilot-chat, `src/platform/otel/common`:
`copilot_chat.agent.turn` repeats the details events of the same exporter.
"""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import IGNORED, Dialect, Doubt
from spanledger.schemas.dialects.semconv import SEMCONV

_REPEATED: Final = "copilot_turn"

EVENTS: Final = replace(
    SEMCONV,
    signal="logs",
    marks=(a.RESPONSE_ID,),
    mark_prefixes=(a.USAGE_PREFIX,),
    found_by=(a.INFERENCE_DETAILS_EVENT, a.RESPONSE_ID, a.USAGE_PREFIX),
    span_names={a.INFERENCE_DETAILS_EVENT: "", "copilot_chat.agent.turn": _REPEATED},
    ignored=IGNORED | {_REPEATED},
)


def events_of(dialects: Iterable[Dialect]) -> tuple[Dialect, ...]:
    """Dialects of spans that are known by their scope → those of the same emitters' events."""
    return tuple(
        replace(
            dialect,
            signal="logs",
            marks=(),
            mark_prefixes=(),
            found_by=EVENTS.found_by,
            span_names=EVENTS.span_names,
            ignored=dialect.ignored | EVENTS.ignored,
            continuations=(),
            doubts=tuple(dict.fromkeys(replace(doubt, attribute="", values=frozenset()) for doubt in dialect.doubts)),
            zero_is_unknown=dialect.zero_is_unknown.union(*(_clearing(doubt) for doubt in dialect.doubts)),
        )
        for dialect in dialects
        if dialect.signal == "traces" and dialect.scopes
    )


def _clearing(doubt: Doubt) -> frozenset[str]:
    """Parts that show a count to be no guess, of which an event (OpenLIT's) states zero where the span has none."""
    return (doubt.unless if doubt.attribute else frozenset[str]()) & u.WHOLE_OF.keys()
