"""`spanledger import`: OTLP files, and the books of predecessors, into the ledger."""

import argparse
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spanledger.ledger.cli.console import say, tell
from spanledger.ledger.cli.options import add_store, settings_of

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from spanledger.ledger.accounts import Query
    from spanledger.ledger.importing.files import Form
    from spanledger.ledger.importing.running import Imported

_LISTED_MAX: Final = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_store(parser)
    parser.add_argument("--tenant", metavar="T", help="charge this tenant and no other, whatever the files say")
    parser.add_argument(
        "--signal",
        choices=("traces", "logs", "metrics"),
        help="read protobuf files as this, instead of telling it by their content",
    )
    parser.add_argument(
        "--from",
        dest="form",
        choices=("otlp", "tokenledger", "371os"),
        default="otlp",
        help="what the files are: OTLP (default), a plain dump or CSV of TokenLedger's table, or an llm_usage.json",
    )
    parser.add_argument(
        "--tz",
        metavar="ZONE",
        default="UTC",
        help="with --from: the IANA time zone of times that name no offset (UTC)",
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", type=Path, help="files, or folders with all they contain")


def run(options: argparse.Namespace) -> int:
    """Import and post; 0 only when every file was read to its end and all of it is posted."""
    from spanledger.ledger.periods import zone  # noqa: PLC0415
    from spanledger.schemas import ConfigurationError  # noqa: PLC0415

    paths: list[Path] = options.paths
    place = zone(options.tz)
    for path in paths:
        if not path.exists():
            msg = f"{path} does not exist"
            raise ConfigurationError(msg)
    # --tenant is the credential's tenant, not the default for telemetry that names none.
    settings = settings_of(argparse.Namespace(**{**vars(options), "tenant": None}))
    from spanledger.exporter.journal import Signal  # noqa: PLC0415
    from spanledger.exporter.throughput import favour_throughput  # noqa: PLC0415
    from spanledger.ledger.access import open_access  # noqa: PLC0415
    from spanledger.ledger.importing.running import Files, run_import  # noqa: PLC0415

    favour_throughput()
    access = open_access(settings)
    try:
        tell(f"store: {access.place}")
        files = Files(
            paths=paths,
            tenant=options.tenant,
            signal=Signal[options.signal.upper()] if options.signal else None,
            form=_form(options.form, place, access.query),
        )
        with _progress(paths) as read:
            imported = run_import(access, settings, files, read)
    finally:
        access.close()
    _report(imported)
    return 0 if imported.complete else 1


def _form(name: str, place: "ZoneInfo", query: "Query") -> "Form | None":
    """How to read what `--from` names."""
    if name == "otlp":
        return None
    from functools import partial  # noqa: PLC0415

    from spanledger.ledger.importing import tokenledger, usage_json  # noqa: PLC0415

    if name == "tokenledger":
        return partial(tokenledger.read, zone=place)
    return partial(usage_json.read, zone=place, known=usage_json.known_to(query))


def _report(imported: "Imported") -> None:
    loaded = imported.loaded
    for failure in loaded.failures[:_LISTED_MAX]:
        tell(f"spanledger: {failure}")
    if len(loaded.failures) > _LISTED_MAX:
        tell(f"spanledger: and {len(loaded.failures) - _LISTED_MAX} more")
    if loaded.rejected:
        tell(f"spanledger: {loaded.rejected} rejected: {'; '.join(loaded.reasons) or 'no reason was given'}")
    if quarantined := imported.accounts.outcomes["quarantined"]:
        tell(f"spanledger: {quarantined} quarantined: `spanledger quarantine list` has each with its reason")
    if imported.waiting_bytes:
        tell(f"spanledger: {imported.waiting_bytes} bytes still wait in the journal; run the import again")
    skipped = f", {loaded.skipped} without OTLP" if loaded.skipped else ""
    say(f"files: {loaded.files} imported{skipped}")
    say(f"spans: {imported.accounts}")


@contextmanager
def _progress(paths: list[Path]) -> Generator[Callable[[int], None]]:
    """A bar over the bytes of the files, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    total = sum(inner.stat().st_size for path in paths for inner in (path.rglob("*") if path.is_dir() else [path]))
    columns = (TextColumn("importing"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("importing", total=total)
        yield lambda size: bar.advance(task, size)
