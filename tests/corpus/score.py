"""Score charges of any pipeline: `python score.py charges.csv …`. Standard library only.

A CSV has one row a charge, under a header of the columns below; an empty cell states nothing.
"""

import argparse
import csv
import json
import sys
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from judging import BUCKETS, COUNTS, Charge, Record, Result, Scenario, Verdict, response_of, results

CORPUS: Final = Path(__file__).parent

COLUMNS: Final = ("scenario", "response_id", *COUNTS, "usage_source", "quality")


class BadCharges(ValueError):
    """A CSV that is none of charges; the message names file, line and fault."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Score each CSV; with several, compare them. 1 with `--strict` if the first calls something false exact."""
    parser = argparse.ArgumentParser(description="Score charges against what the providers really returned.")
    parser.add_argument("csv", nargs="+", type=Path, help=f"columns: {', '.join(COLUMNS)}")
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="another folder of the same layout")
    parser.add_argument("--markdown", action="store_true", help="tables for a page")
    parser.add_argument("--details", action="store_true", help="and a line for every scenario that is not all right")
    parser.add_argument("--strict", action="store_true", help="fail if the first CSV calls anything false exact")
    options = parser.parse_args(arguments)
    corpus = scenarios(options.corpus)
    judged: dict[str, list[Result]] = {}
    for path in cast("list[Path]", options.csv):
        try:
            stated = charges(path, {scenario.name for scenario in corpus})
        except (OSError, ValueError) as error:
            parser.error(str(error))
        judged[path.stem] = results(corpus, stated)
        text = report(judged[path.stem], markdown=options.markdown, details=options.details)
        sys.stdout.write(f"{path.stem}\n{text}\n\n")
    if len(judged) > 1:
        rows = [(name, *summary(results)) for name, results in judged.items()]
        sys.stdout.write(table(("", *HEADER), rows, markdown=options.markdown) + "\n")
    first = next(iter(judged.values()))
    return 1 if options.strict and any(result.called_exact for result in first) else 0


def scenarios(corpus: Path) -> list[Scenario]:
    """Every scenario of a corpus, in the order of its index."""
    index: dict[str, dict[str, dict[str, Record]]] = json.loads((corpus / "index.json").read_text())
    found: list[Scenario] = []
    for emitter, entry in index.items():
        for name, about in entry["scenarios"].items():
            records: list[Record] = json.loads((corpus / emitter / f"{name}.truth.json").read_text())
            found.append(
                Scenario(
                    name=f"{emitter}/{name}",
                    responses=tuple(response for record in records if (response := response_of(record))),
                    unsent=cast("int", about.get("unsent", 0)),
                    scored=bool(about.get("scored", True)),
                )
            )
    return found


def charges(path: Path, names: Collection[str]) -> dict[str, list[Charge]]:
    """The charges of a CSV by scenario. Raises `BadCharges`."""
    found: dict[str, list[Charge]] = {name: [] for name in names}
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, restval="")
        if missing := {"scenario", *COUNTS[:2]} - set(rows.fieldnames or ()):
            msg = f"{path}: no column {', '.join(sorted(missing))}"
            raise BadCharges(msg)
        for row in rows:
            try:
                found[row["scenario"]].append(_charge(row))
            except (KeyError, BadCharges) as error:
                reason = f"no such scenario: {row['scenario']}" if isinstance(error, KeyError) else str(error)
                msg = f"{path}:{rows.line_num}: {reason}"
                raise BadCharges(msg) from None
    return found


def _charge(row: Mapping[str, str]) -> Charge:
    counts: dict[str, int] = {}
    for name in COUNTS:
        cell = row.get(name, "")
        if cell and not (cell.isascii() and cell.isdigit()):
            msg = f"{name} is no whole number of tokens: {cell!r}"
            raise BadCharges(msg)
        if cell:
            counts[name] = int(cell)
    return Charge(counts=counts, usage_source=row.get("usage_source", ""), quality=row.get("quality", ""))


HEADER: Final = (
    "scenarios",
    "right totals",
    "right buckets",
    "flagged losses",
    "never sent",
    "wrong",
    "and called exact",
    "needless flags",
    "tokens",
    "off by",
)


def summary(results: Sequence[Result]) -> tuple[str, ...]:
    """One row of a table, under `HEADER`."""
    verdicts = [result.verdict for result in results]
    bucketed = [result for result in results if result.bucketed]
    tokens = sum(result.true[name] for result in results for name in COUNTS[:2])
    off = sum(result.error_tokens for result in results)
    return (
        str(len(results)),
        str(verdicts.count(Verdict.RIGHT)),
        f"{sum(result.buckets_right for result in bucketed)} of {len(bucketed)}",
        str(verdicts.count(Verdict.FLAGGED)),
        str(verdicts.count(Verdict.UNSENT)),
        str(sum(result.wrong for result in results)),
        str(sum(result.called_exact for result in results)),
        str(sum(result.needless_flags for result in results)),
        f"{tokens:,}",
        f"{100 * off / tokens:.1f} %" if tokens else f"{off:,}",
    )


def by_emitter(results: Sequence[Result]) -> dict[str, list[Result]]:
    """The results of each emitter, in order."""
    groups: defaultdict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[result.scenario.partition("/")[0]].append(result)
    return dict(groups)


def buckets_line(results: Sequence[Result]) -> str:
    """How often the sum of each bucket is right where it is used, and where it is not."""
    parts: list[str] = []
    for name in BUCKETS:
        used = [result for result in results if result.true[name]]
        unused = sum(bool(result.stated.get(name)) for result in results if not result.true[name])
        parts.append(f"{name} {sum(not result.off(name) for result in used)} of {len(used)}" + _invented(unused))
    return "buckets: " + ", ".join(parts)


def _invented(times: int) -> str:
    return f" (and {times} invented)" if times else ""


def detail(result: Result) -> str:
    """One result in words."""
    exact = ", called exact" if result.called_exact else ""
    off = [
        f"{name} {result.stated.get(name, 'unknown')} for {result.true[name]}" for name in COUNTS if result.off(name)
    ]
    return f"{result.scenario}: {result.verdict.value}{exact}" + (f": {', '.join(off)}" if off else "")


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, markdown: bool) -> str:
    """A table as text; the first column to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [_line(row, widths, markdown=markdown) for row in (header, *rows)]
    rule = ("| " + " | ".join(["---", *["---:"] * (len(widths) - 1)]) + " |") if markdown else "-" * len(lines[0])
    return "\n".join((lines[0], rule, *lines[1:]))


def _line(row: Sequence[str], widths: Sequence[int], *, markdown: bool) -> str:
    if markdown:
        return "| " + " | ".join(row) + " |"
    cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
    return "  ".join(cells)


def report(results: Sequence[Result], *, markdown: bool, details: bool) -> str:
    """The table of one pipeline, emitter by emitter, and its sums."""
    rows = [(emitter, *summary(of)) for emitter, of in by_emitter(results).items()]
    parts = [table(("emitter", *HEADER), [*rows, ("all", *summary(results))], markdown=markdown), buckets_line(results)]
    if details:
        parts += [detail(result) for result in results if not result.buckets_right]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
