"""Log records and coding agents in the corpus: what each claims is what the provider answered."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from support.decoding import OPEN, claims_in

from spanledger.exporter.decode import decode
from spanledger.exporter.decode.decode import INTERRUPTED
from spanledger.exporter.sift import sift
from spanledger.schemas import units as u
from spanledger.schemas.claim import Claim

CORPUS: Final = Path(__file__).parents[3] / "corpus"
PROVIDERS: Final = {"gcp.gen_ai": "google", "gcp.gemini": "google"}
EMITTERS: Final = ("claude-code", "gemini-cli", "otel-genai-content", "otel-google-genai")
"""Those whose records state all they know."""
PARTS: Final = (u.CACHE_READ_TOKENS, u.CACHE_WRITE_TOKENS, u.REASONING_TOKENS)

FILES: Final = [
    pytest.param(path, id=f"{path.parent.name}/{path.name}")
    for emitter in EMITTERS
    for path in sorted((CORPUS / emitter).glob("*.logs.pb"))
]


@pytest.mark.parametrize("path", FILES)
def test_what_a_record_claims_is_what_the_provider_answered(path: Path) -> None:
    """Bucket by bucket, by one claim each; an answer without usage on the wire is claimed as lost."""
    claims = _logged(path)
    answers = [answer for answer in _truth(path) if answer["status"] == 200]
    stated = [claim for claim in claims if claim.usage]
    unclaimed = Counter(map(_true_counts, answers))
    unclaimed.subtract(map(_counts, stated))
    assert min(unclaimed.values(), default=0) >= 0
    assert unclaimed.total() <= sum(
        not claim.usage and (claim.status == "ok" or INTERRUPTED in claim.flags) for claim in claims
    )
    for claim in stated:
        answer = next(answer for answer in answers if _true_counts(answer) == _counts(claim))
        assert claim.call.role == "inference"
        assert PROVIDERS.get(claim.call.provider, claim.call.provider) == answer["provider"]
        assert claim.call.response_model == answer["model"]
        assert (claim.usage_source, claim.flags) == ("provider", ())
        assert claim.response_id in {"", answer["response_id"], answer.get("request_id")}


@pytest.mark.parametrize("path", [file for file in FILES if "otel-" in str(file.id)])
def test_an_event_claims_what_its_span_claims(path: Path) -> None:
    """Same response, same counts, and the span is its parent."""
    spans = {claim.span_id: claim for claim in claims_in(Path(str(path).replace(".logs.pb", ".pb")))}
    for claim in _logged(path):
        traced = spans[claim.parent_span_id]
        assert (claim.trace_id, claim.response_id, claim.usage) == (traced.trace_id, traced.response_id, traced.usage)


@pytest.mark.parametrize("path", [file for file in FILES if "claude-code" in str(file.id)])
def test_a_record_and_a_span_of_claude_code_meet_by_their_request(path: Path) -> None:
    """What is asked for once is told twice, with one id and equal counts."""
    spans = {claim.response_id: claim for claim in claims_in(Path(str(path).replace(".logs.pb", ".pb")))}
    logged = {claim.response_id: claim for claim in _logged(path)}
    assert logged
    assert not spans or {key: (claim.usage, claim.status) for key, claim in spans.items()} == {
        key: (claim.usage, claim.status) for key, claim in logged.items()
    }


def test_a_failure_of_claude_code_is_an_attempt() -> None:
    """The provider's status is the error."""
    [claim] = _logged(CORPUS / "claude-code" / "err400.logs.pb")
    assert (claim.status, claim.error_type, claim.usage) == ("error", "400", {})


@pytest.mark.parametrize("path", sorted(CORPUS.glob("openlit/*.logs.pb")), ids=lambda path: path.name)
def test_no_guess_of_openlit_is_a_providers_count(path: Path) -> None:
    """An event whose counts are false says that it is an estimate."""
    true = {_counts_of_wholes(answer) for answer in _truth(path) if answer["usage_on_wire"]}
    for claim in _logged(path):
        wholes = claim.usage.get(u.INPUT_TOKENS), claim.usage.get(u.OUTPUT_TOKENS)
        assert wholes in true or not claim.usage or claim.usage_source == "estimated", claim


@pytest.mark.parametrize("emitter", ["otel-openai-v2", "otel-botocore-bedrock", "opencode"])
def test_messages_and_other_records_are_not_kept(emitter: str) -> None:
    """They state no usage; what they do state is content."""
    for path in (CORPUS / emitter).glob("*.logs.pb"):
        assert sift(path.read_bytes(), "logs").payload == b""


def _logged(path: Path) -> list[Claim]:
    sifted = sift(path.read_bytes(), "logs")
    read = [decode(record, OPEN) for record in sifted.spans]
    assert read == [decode(record, OPEN) for record in sift(sifted.payload, "logs").spans]
    return [claim for claim in read if isinstance(claim, Claim)]


def _truth(path: Path) -> list[dict[str, Any]]:
    return json.loads(Path(str(path).replace(".logs.pb", ".truth.json")).read_text())


def _counts(claim: Claim) -> tuple[int, ...]:
    return tuple(claim.usage.get(unit, 0) for unit in (u.INPUT_TOKENS, u.OUTPUT_TOKENS, *PARTS))


def _true_counts(answer: Mapping[str, Any]) -> tuple[int, ...]:
    written = sum(answer[name] for name in answer if name.startswith("input_cache_write_"))
    return (*_counts_of_wholes(answer), answer["input_cached_read"], written, answer["reasoning_in_output"])


def _counts_of_wholes(answer: Mapping[str, Any]) -> tuple[int, int]:
    parts = (answer[name] for name in answer if name == "input_cached_read" or name.startswith("input_cache_write_"))
    return answer["input_uncached"] + sum(parts), answer["output"]
