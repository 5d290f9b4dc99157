"""A call centre's audit in four steps that state the work they used: eight events, priced or waiting for a price.

Run it with `SPANLEDGER_SANDBOX=true` to see the eight priced lines, or without and ask `spanledger report --by
service_name,operation`. The model's prices are per million tokens: gpt-4o-mini 0.15 in and 0.60 out; gpt-4o 2.50 in,
1.25 from cache and 10 out. What no price book knows is unpriced, never free; its own account is kept beside.
"""

import asyncio
from dataclasses import dataclass

from spanledger.instrumentation import arecording, atrack, attribution, flush, record, recording, track

EXPECTED = (
    # service, operation, unit as the ledger names it, quantity, cost (None: unpriced), cost by our own account
    ("elevenlabs", "transcribe", "requests", 1, None, None),
    ("elevenlabs", "transcribe", "seconds", 180, None, "0.02"),
    ("openai", "enrich", "input_tokens", 1200, "0.00018", None),
    ("openai", "enrich", "output_tokens", 300, "0.00018", None),
    ("openai", "audit", "input_tokens", 2000, "0.005", None),
    ("openai", "audit", "cache_read_tokens", 800, "0.001", None),
    ("openai", "audit", "output_tokens", 150, "0.0015", None),
    ("dynamodb", "store", "writes", 3, None, "0.00000375"),
)
"""What the ledger holds afterwards: 0.00786 USD priced, and three lines that wait for a price."""


@dataclass(frozen=True)
class Answer:
    """What a model gave back, and what it says it used. A stand-in: nothing here calls anybody."""

    text: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0


@record("elevenlabs", "transcribe", 1, "requests")
def transcribe(audio_seconds: int) -> str:
    """One request is recorded when it succeeds; the seconds it was billed by are stated on the way."""
    track("elevenlabs", "transcribe", audio_seconds, "seconds", cost="0.02")
    return "Hello, my parcel is late."


def enrich(transcript: str) -> str:
    """Each kind of token is an event of its own."""
    answer = Answer(f"{transcript} [mood: annoyed]", 1200, 300)
    track("openai", "enrich", answer.input_tokens, "input_tokens", model="gpt-4o-mini")
    track("openai", "enrich", answer.output_tokens, "output_tokens", model="gpt-4o-mini")
    return answer.text


async def audit(text: str) -> str:
    """The tokens from cache are counted apart: of 2800, the provider had 800."""
    answer = Answer(f"passed: {text}", 2000, 150, cached_tokens=800)
    await atrack("openai", "audit", answer.input_tokens, "input_tokens", model="gpt-4o")
    await atrack("openai", "audit", answer.cached_tokens, "input_cached_tokens", model="gpt-4o")
    async with arecording("openai", "audit", unit_type="output_tokens", model="gpt-4o") as work:
        work.units = answer.output_tokens
    return answer.text


def store(verdict: str) -> int:
    """How much it was is known inside the block."""
    with recording("dynamodb", "store", unit_type="writes", cost="0.00000375") as work:
        work.units = len(verdict.split(":", 1)[0].split()) + 2
    return work.units


def main() -> None:
    """Audit one call of one customer."""
    with attribution(tenant="acme", feature="call-audit", team="support", workflow_id="call-42"):
        text = enrich(transcribe(180))
        store(asyncio.run(audit(text)))
    flush()


if __name__ == "__main__":
    main()
