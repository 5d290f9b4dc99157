"""`spanledger journal`: what the journals hold and what of it is damaged; go on behind what cannot be read."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from spanledger.ledger.cli.console import say, tell
from spanledger.ledger.cli.options import add_format, add_store, format_of, settings_of

if TYPE_CHECKING:
    from spanledger.exporter.journal.survey import Damage, Survey
    from spanledger.ledger.tables import Value


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    for name, (declare, _, line) in _ACTIONS.items():
        action = actions.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
        add_store(action)
        declare(action)


def run(options: argparse.Namespace) -> int:
    """Do what the action says."""
    return _ACTIONS[options.action][1](options)


def _of_inspect(parser: argparse.ArgumentParser) -> None:
    add_format(parser, csv=False)


def _inspect(options: argparse.Namespace) -> int:
    from spanledger.exporter.journal import shards  # noqa: PLC0415
    from spanledger.exporter.journal.survey import survey  # noqa: PLC0415
    from spanledger.ledger import formats  # noqa: PLC0415

    settings = settings_of(options)
    tell(f"journal: {settings.data}")
    found = [survey(shard.path) for shard in shards(settings.data)]
    if format_of(options) == "json":
        sys.stdout.write(formats.json_text([_record(each) for each in found]))
    else:
        for each in found:
            for line in _lines(each):
                say(line)
        if not found:
            say("no journals: everything is posted")
    return 1 if any(each.damages for each in found) else 0


def _of_skip(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--shard", required=True, metavar="ID", help="as shown by inspect")
    parser.add_argument("--yes", action="store_true", help="without it, only what would be skipped is told")


def _skip(options: argparse.Namespace) -> int:
    from spanledger.ledger.access import open_beside_damage  # noqa: PLC0415

    if not options.yes:
        return _foretell(options)
    access = open_beside_damage(settings_of(options))
    try:
        tell(f"store: {access.place}")
        skipped = access.skip_unreadable(options.shard)
    finally:
        access.close()
    for each in skipped:
        say(f"{each.path} at byte {each.offset}: {each.reason}")
        say(f"  {each.records} records skipped, {each.bytes} bytes kept in {', '.join(each.kept) or 'no file'}")
    say(f"{sum(each.records for each in skipped)} records skipped; what can be read is posted")
    return 0


def _foretell(options: argparse.Namespace) -> int:
    from spanledger.exporter.journal import shards  # noqa: PLC0415
    from spanledger.exporter.journal.survey import survey  # noqa: PLC0415
    from spanledger.schemas import ConfigurationError  # noqa: PLC0415

    settings = settings_of(options)
    chosen = [shard for shard in shards(settings.data) if shard.id == options.shard]
    if not chosen:
        msg = f"there is no shard {options.shard!r} in {settings.data}; spanledger journal inspect lists them"
        raise ConfigurationError(msg)
    for line in _lines(survey(chosen[0].path)):
        say(line)
    tell("nothing is changed; with --yes, what is damaged is kept aside, counted and passed over")
    return 1


def _lines(found: "Survey") -> Iterator[str]:
    """A shard for people."""
    writer = "its writer runs" if found.alive else "its writer is gone"
    posted = "what is posted cannot be told" if found.posted is None else f"posted up to record {found.posted}"
    yield f"shard {found.shard}: {writer}, {posted}, durable up to {found.durable}"
    for (path, first_seq, size), (_, following, _) in zip(found.segments, [*found.segments[1:], _END], strict=True):
        last = str(following - 1) if following else ""
        yield f"  segment {path.name}: records {first_seq} to {last or 'the end'}, {size} bytes"
    yield f"  waiting: {found.waiting_records} records that can be read, {found.waiting_bytes} bytes in all"
    for damage in found.damages:
        yield f"  DAMAGED {damage.path} at byte {damage.offset}: {damage.reason}"
        yield f"    {_loss(damage)}"


_END: Final = ("", 0, 0)


def _loss(damage: "Damage") -> str:
    if damage.kind == "newer":
        return "not damaged: the version that wrote it can read it"
    if damage.records <= 0:
        return f"no record is lost with it: skip writes the {damage.kind} anew"
    lost = f"record {damage.first_seq}" if damage.records == 1 else f"records {damage.first_seq} to {damage.last_seq}"
    return f"{lost} ({damage.records}) cannot be read: {damage.bytes} bytes; skip passes over them"


def _record(found: "Survey") -> "dict[str, Value]":
    """A shard for programs."""
    segments = [{"file": str(path), "first_seq": first, "bytes": size} for path, first, size in found.segments]
    damages = [
        {
            "kind": str(damage.kind),
            "path": damage.path,
            "offset": damage.offset,
            "reason": damage.reason,
            "first_seq": damage.first_seq,
            "last_seq": damage.last_seq,
            "records": max(0, damage.records),
            "bytes": damage.bytes,
        }
        for damage in found.damages
    ]
    return {
        "shard": found.shard,
        "writer_runs": found.alive,
        "posted": found.posted,
        "durable": found.durable,
        "waiting_records": found.waiting_records,
        "waiting_bytes": found.waiting_bytes,
        "segments": segments,
        "damages": damages,
    }


_ACTIONS: Final[
    Mapping[str, tuple[Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int], str]]
] = {
    "inspect": (_of_inspect, _inspect, "each shard with its segments, what waits, and what cannot be read"),
    "skip": (_of_skip, _skip, "go on behind what cannot be read of a shard; its bytes are kept, its records counted"),
}
