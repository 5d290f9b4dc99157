"""The corpus and its scorer: what a pipeline states is compared with what the providers returned, and nothing else."""

import csv
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from corpus.judging import Charge, Record, Response, Result, Scenario, Value, Verdict, response_of, results, score
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

CORPUS = Path(__file__).parent.parent / "corpus"
BYTES_MAX = 8_000_000

BILLED: dict[str, Value] = {
    "status": 200,
    "usage_on_wire": True,
    "input_uncached": 23,
    "input_cached_read": 2900,
    "input_cache_write_5m": 500,
    "input_cache_write_1h": 57,
    "input_cache_write_untiered": 0,
    "output": 53,
    "reasoning_in_output": 7,
    "response_id": "msg_1",
}
ALL_RIGHT = {
    "input_tokens": 3480,
    "output_tokens": 53,
    "cache_read_tokens": 2900,
    "cache_write_tokens": 557,
    "cache_write_5m_tokens": 500,
    "cache_write_1h_tokens": 57,
    "reasoning_tokens": 7,
}


def judged(charges: list[Charge], *truth: Record, unsent: int = 0) -> Result:
    """The result of charges against rows of a truth file."""
    return score(Scenario(name="e/s", responses=tuple(map(_billed, truth)), unsent=unsent), charges)


def _billed(row: Record) -> Response:
    response = response_of(row)
    assert response is not None
    return response


def stating(tokens_in: int, tokens_out: int, quality: str = "exact") -> Charge:
    """A charge that states two totals and promises something."""
    counts = {"input_tokens": tokens_in, "output_tokens": tokens_out}
    return Charge(counts=counts, usage_source="provider", quality=quality)


MISSING = Charge(counts={}, usage_source="missing", quality="exact")


def test_totals_and_buckets_that_equal_the_truth_are_right() -> None:
    """Input holds both caches: 23 + 2900 + 500 + 57 are 3480."""
    result = judged([Charge(counts=ALL_RIGHT)], BILLED)
    assert (result.verdict, result.buckets_right, result.error_tokens) == (Verdict.RIGHT, True, 0)


def test_two_charges_for_two_responses_are_summed() -> None:
    """Which of the charges is which response does not matter, nor that one charge stands for both."""
    other = BILLED | {"input_uncached": 100, "output": 5}
    assert judged([stating(3480, 53), stating(3557, 5)], BILLED, other).verdict is Verdict.RIGHT
    assert judged([stating(7037, 58)], BILLED, other).verdict is Verdict.RIGHT


def test_a_bucket_that_is_unknown_or_invented_is_not_right() -> None:
    """The totals stay right; 3 reasoning tokens for 7, or a write of an hour that lived five minutes, do not."""
    for name, tokens in (("reasoning_tokens", 3), ("cache_write_1h_tokens", 557)):
        result = judged([Charge(counts=ALL_RIGHT | {name: tokens})], BILLED)
        assert (result.verdict, result.buckets_right) == (Verdict.RIGHT, False)
    assert not judged([stating(3480, 53)], BILLED).buckets_right


def test_a_response_counted_twice_is_false_and_was_called_exact() -> None:
    """The usual mistake: the agent's span repeats what the call below it used."""
    result = judged([stating(3480, 53), stating(3480, 53)], BILLED)
    assert (result.verdict, result.called_exact, result.error_tokens) == (Verdict.FALSE, True, 3533)


def test_a_false_number_with_a_reservation_is_wrong_but_not_called_exact() -> None:
    """`probable` is a reservation, beside a charge that is right too; a pipeline without such words makes none."""
    assert not judged([stating(1, 1, quality="probable")], BILLED).called_exact
    assert not judged([stating(3480, 53), stating(3480, 53, quality="probable")], BILLED).called_exact
    assert judged([stating(1, 1, quality="")], BILLED).called_exact


def test_usage_that_never_was_on_the_wire_must_be_flagged() -> None:
    """Nobody can know it: a number is false, even the true one, an empty charge is flagged, no charge is silent."""
    unknown = BILLED | {"usage_on_wire": False}
    estimated = Charge(counts={"input_tokens": 12, "output_tokens": 20}, usage_source="estimated")
    assert judged([MISSING], unknown).verdict is Verdict.FLAGGED
    assert judged([estimated], unknown).verdict is Verdict.FLAGGED
    assert judged([stating(12, 20)], unknown).called_exact
    assert judged([stating(3480, 53)], unknown).called_exact
    assert judged([], unknown).verdict is Verdict.SILENT


def test_usage_that_an_emitter_lost_must_be_flagged_too() -> None:
    """One of two responses is stated, the other one marked; without the mark it is lost silently."""
    lost = BILLED | {"output": 99}
    assert judged([stating(3480, 53), MISSING], BILLED, lost).verdict is Verdict.FLAGGED
    silent = judged([stating(3480, 53)], BILLED, lost)
    assert (silent.verdict, silent.wrong, silent.called_exact) == (Verdict.SILENT, True, False)


def test_a_response_nobody_tells_of_is_no_fault_of_the_pipeline() -> None:
    """It is neither right nor wrong, but a number in its place is false."""
    result = judged([], BILLED, unsent=1)
    assert (result.verdict, result.wrong) == (Verdict.UNSENT, False)
    assert judged([stating(1, 1)], BILLED, unsent=1).verdict is Verdict.FALSE


def test_a_flag_without_a_loss_is_counted() -> None:
    """Flags earn nothing where the numbers are right, so that flagging everything is no strategy."""
    result = judged([stating(3480, 53), MISSING], BILLED)
    assert (result.verdict, result.needless_flags) == (Verdict.RIGHT, 1)


def test_an_answer_with_an_error_bills_nothing() -> None:
    """A 429 adds nothing to the truth, so that no charge is right, and any number false."""
    assert response_of(BILLED | {"status": 429, "usage_on_wire": False}) is None
    assert judged([]).verdict is Verdict.RIGHT
    assert judged([stating(0, 0)]).verdict is Verdict.RIGHT
    assert judged([stating(11, 0)]).verdict is Verdict.FALSE


def test_a_scenario_without_a_charge_is_scored_and_an_unscored_one_is_not() -> None:
    """Leaving a scenario out of the CSV hides nothing."""
    corpus = [
        Scenario(name="e/a", responses=(_billed(BILLED),)),
        Scenario(name="e/b", responses=(), scored=False),
    ]
    assert [(result.scenario, result.verdict) for result in results(corpus, {})] == [("e/a", Verdict.SILENT)]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A corpus of one scenario: an agent's span that repeats the usage of the call below it."""
    (tmp_path / "maker").mkdir()
    (tmp_path / "index.json").write_text(json.dumps({"maker": {"packages": {}, "scenarios": {"agent": {}}}}))
    (tmp_path / "maker" / "agent.truth.json").write_text(json.dumps([BILLED]))
    usage = {"gen_ai.usage.input_tokens": 3480, "gen_ai.usage.output_tokens": 53}
    spans = [
        Span(name=operation, attributes=[_attribute("gen_ai.operation.name", operation), *_counts(usage)])
        for operation in ("invoke_agent", "chat")
    ]
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])])
    (tmp_path / "maker" / "agent.pb").write_bytes(request.SerializeToString())
    return tmp_path


def _attribute(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _counts(usage: Mapping[str, int]) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(int_value=tokens)) for key, tokens in usage.items()]


def scorer(corpus: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the scorer as another project would."""
    command = [sys.executable, "-S", str(CORPUS / "score.py"), "--corpus", str(corpus), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_simple_rules_count_an_agent_twice_and_once(corpus: Path) -> None:
    """Every span: 6960 input tokens for 3480. Without agents: all right but for the buckets."""
    subprocess.run([sys.executable, str(CORPUS / "baselines.py"), str(corpus), str(corpus)], check=True)
    for rule, tokens in (("every_span", ["3480", "3480"]), ("no_agents", ["3480"])):
        with (corpus / f"{rule}.csv").open(newline="") as file:
            assert tokens == [row["input_tokens"] for row in csv.DictReader(file)]
    scored = scorer(corpus, "--strict", "--details", str(corpus / "every_span.csv"), str(corpus / "no_agents.csv"))
    assert "maker/agent: false, called exact: input_tokens 6960 for 3480" in scored.stdout
    assert "maker/agent: right: cache_read_tokens unknown for 2900" in scored.stdout
    assert (scored.returncode, scored.stderr) == (1, "")
    assert scorer(corpus, "--strict", str(corpus / "no_agents.csv")).returncode == 0


def test_the_table_can_stand_in_a_page(corpus: Path) -> None:
    """One row an emitter and one for all, in Markdown."""
    charges = corpus / "mine.csv"
    charges.write_text("scenario,input_tokens,output_tokens\nmaker/agent,3480,53\n")
    lines = scorer(corpus, "--markdown", str(charges)).stdout.splitlines()
    assert "| maker | 1 | 1 | 0 of 1 | 0 | 0 | 0 | 0 | 0 | 3,533 | 0.0 % |" in lines
    assert "| all | 1 | 1 | 0 of 1 | 0 | 0 | 0 | 0 | 0 | 3,533 | 0.0 % |" in lines


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("scenario,input_tokens\n", "no column output_tokens"),
        ("scenario,input_tokens,output_tokens\nmaker/agent,-1,0\n", "mine.csv:2: input_tokens is no whole number"),
        ("scenario,input_tokens,output_tokens\nmaker/agent,1.0,0\n", "mine.csv:2: input_tokens is no whole number"),
        ("scenario,input_tokens,output_tokens\nmaker/agnet,1,0\n", "mine.csv:2: no such scenario: maker/agnet"),
    ],
)
def test_a_csv_that_is_none_of_charges_is_refused(corpus: Path, text: str, fault: str) -> None:
    """The message names the line and what is wrong with it; nothing is scored."""
    charges = corpus / "mine.csv"
    charges.write_text(text)
    refused = scorer(corpus, str(charges))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert fault in refused.stderr


def test_the_index_names_every_scenario_and_the_corpus_stays_small() -> None:
    """Each has its truth, each file belongs to one, and all of it is under 8 MB."""
    index: dict[str, dict[str, dict[str, object]]] = json.loads((CORPUS / "index.json").read_text())
    named = {f"{emitter}/{name}" for emitter, entry in index.items() for name in entry["scenarios"]}
    truths = {str(path.relative_to(CORPUS)).removesuffix(".truth.json") for path in CORPUS.glob("*/*.truth.json")}
    telemetry = CORPUS.glob("*/*.pb")
    assert named == truths
    assert {f"{path.parent.name}/{path.name.partition('.')[0]}" for path in telemetry} <= named
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < BYTES_MAX
