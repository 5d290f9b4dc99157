"""How much a request lets a model answer, by any provider's name for it. Pure; the body is skimmed, never kept."""

from typing import Final

import msgspec

from spanledger.instrumentation.wire.request import BODY_BYTES_MAX


class _Google(msgspec.Struct, rename="camel"):
    max_output_tokens: object = None
    candidate_count: object = None


class _Converse(msgspec.Struct, rename="camel"):
    max_tokens: object = None


class _Limits(msgspec.Struct):
    max_completion_tokens: object = None
    max_output_tokens: object = None
    max_tokens: object = None
    max_tokens_to_sample: object = None
    n: object = None
    generation: _Google | None = msgspec.field(name="generationConfig", default=None)
    converse: _Converse | None = msgspec.field(name="inferenceConfig", default=None)


_decode: Final = msgspec.json.Decoder(_Limits).decode
# No answer is longer; what is more is a mistake, and no limit.
_TOKENS_MAX: Final = 100_000_000


def output_limit(body: bytes | None) -> int | None:
    """The most output tokens that a request asks for; None where it says nothing of them."""
    if not body or len(body) > BODY_BYTES_MAX:
        return None
    try:
        said = _decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return None
    stated = (
        said.max_completion_tokens,
        said.max_output_tokens,
        said.max_tokens,
        said.max_tokens_to_sample,
        said.generation and said.generation.max_output_tokens,
        said.converse and said.converse.max_tokens,
    )
    limit = next((number for number in stated if type(number) is int and 0 < number <= _TOKENS_MAX), None)
    answers = said.n if said.generation is None else said.generation.candidate_count
    return limit if limit is None or type(answers) is not int or answers < 1 else min(limit * answers, _TOKENS_MAX)
