"""Two simple rules as CSVs of charges, to compare a pipeline with: `python baselines.py FOLDER [CORPUS]`.

`every_span` sums the usage of all spans that state any. `no_agents` leaves out spans that only group others.
Both believe what they read. Needs `opentelemetry-proto`.
"""

import csv
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from score import COLUMNS, CORPUS, scenarios

Attributes: TypeAlias = Mapping[str, AnyValue]

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "input_tokens": (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
    ),
    "output_tokens": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
    ),
    "cache_read_tokens": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "llm.token_count.prompt_details.cache_read",
        "ai.usage.cachedInputTokens",
    ),
    "cache_write_tokens": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "llm.token_count.prompt_details.cache_write",
    ),
    "reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "ai.usage.reasoningTokens",
    ),
}
"""Names of one quantity, the first of which counts."""

RESPONSE_ID: Final = ("gen_ai.response.id", "ai.response.id", "llm.response.id")

GROUPS: Final[Mapping[str, frozenset[str]]] = {
    "gen_ai.operation.name": frozenset({"invoke_agent", "create_agent", "invoke_workflow"}),
    "openinference.span.kind": frozenset({"AGENT", "CHAIN"}),
    "traceloop.span.kind": frozenset({"agent", "workflow", "task"}),
}
"""Attributes that say that a span groups others."""

CALLS: Final = (".doGenerate", ".doStream", ".doEmbed")
"""How the operation of an AI SDK span ends that is a call, not a group of calls."""


def main(folder: Path, corpus: Path = CORPUS) -> None:
    """Write both CSVs."""
    names = [scenario.name for scenario in scenarios(corpus)]
    for rule, agents in (("every_span", True), ("no_agents", False)):
        with (folder / f"{rule}.csv").open("w", newline="") as file:
            rows: csv.DictWriter[str] = csv.DictWriter(file, COLUMNS, restval="")
            rows.writeheader()
            for name in names:
                rows.writerows(
                    {"scenario": name, **row} for row in charged(_spans(corpus / f"{name}.pb"), agents=agents)
                )


def charged(spans: Iterator[Attributes], *, agents: bool) -> Iterator[dict[str, str]]:
    """A row for each span that states usage; those that group others only with `agents`."""
    for attributes in spans:
        counts = {column: _first(attributes, names) for column, names in NAMES.items()}
        if (counts["input_tokens"] or counts["output_tokens"]) and (agents or not groups_others(attributes)):
            yield {"response_id": _first(attributes, RESPONSE_ID), **counts}


def groups_others(attributes: Attributes) -> bool:
    """Whether a span says that it is an agent, a chain or a workflow."""
    operation = attributes.get("ai.operationId", AnyValue()).string_value
    return bool(operation and not operation.endswith(CALLS)) or any(
        attributes[name].string_value in kinds for name, kinds in GROUPS.items() if name in attributes
    )


def _first(attributes: Attributes, names: tuple[str, ...]) -> str:
    return next((text for name in names if name in attributes and (text := _text(attributes[name]))), "")


def _text(value: AnyValue) -> str:
    return value.string_value or (str(value.int_value) if value.HasField("int_value") else "")


def _spans(path: Path) -> Iterator[Attributes]:
    if not path.exists():
        return
    for resource in ExportTraceServiceRequest.FromString(path.read_bytes()).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield {attribute.key: attribute.value for attribute in span.attributes}


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
