"""The receiver alone: `python -m spanledger.exporter [--store …] [--data …] [--grpc …] [--http …]`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spanledger.exporter.settings import Settings, load
from spanledger.schemas import SpanledgerError

if TYPE_CHECKING:
    from spanledger.exporter.pipeline import Pipeline


def main(arguments: Sequence[str] | None = None) -> int:
    """Take OTLP and post it until a signal comes. Return 0, or the exit code of what went wrong."""
    options = _parser().parse_args(arguments)
    try:
        return _run(load(store=options.store, data=options.data, grpc=options.grpc, http=options.http))
    except SpanledgerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


def _run(settings: Settings) -> int:
    # The engine and grpc take a second to load: not for a wrong setting, and not for --help.
    from spanledger.exporter.pipeline import open_pipeline  # noqa: PLC0415

    pipeline = open_pipeline(settings)
    try:
        failed = asyncio.run(_receive(settings, pipeline))
    finally:
        pipeline.close()
    return 1 if failed else 0


async def _receive(settings: Settings, pipeline: "Pipeline") -> bool:
    """Serve both doors; return whether the journal gave up."""
    from spanledger.exporter.receiver.server import Receiver  # noqa: PLC0415
    from spanledger.exporter.receiver.stopping import until_stopped  # noqa: PLC0415

    receiver = Receiver(settings, pipeline.intake, ready=pipeline.ready)
    await receiver.start()
    pipeline.start()
    doors = f"OTLP/gRPC on {receiver.grpc_address}, OTLP/HTTP on http://{receiver.http_address}"
    sys.stdout.write(f"{doors}, store {pipeline.store.url}\n")
    sys.stdout.flush()
    failed = await until_stopped(pipeline.writer.failed.is_set)
    await receiver.drain()
    return failed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m spanledger.exporter", description="An OTLP receiver that books.")
    parser.add_argument("--store", metavar="PATH|clickhouse://…", help="the ledger (default: SPANLEDGER_STORE)")
    parser.add_argument("--data", metavar="DIR", help="the journal folder (default: STORE/journal)")
    parser.add_argument("--grpc", metavar="[HOST:]PORT", help="where OTLP/gRPC listens (default: 127.0.0.1:4317)")
    parser.add_argument("--http", metavar="[HOST:]PORT", help="where OTLP/HTTP listens (default: 127.0.0.1:4318)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
