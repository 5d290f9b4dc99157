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
    from spanledger.exporter.throughput import favour_throughput  # noqa: PLC0415

    favour_throughput()
    return asyncio.run(_serve(settings, open_pipeline(settings)))


async def _serve(settings: Settings, pipeline: "Pipeline") -> int:
    from spanledger.exporter.receiver.server import Receiver  # noqa: PLC0415
    from spanledger.exporter.receiver.stopping import stop_on_signals, until_over  # noqa: PLC0415

    stopped = stop_on_signals()
    receiver = Receiver(settings, pipeline.intake, ready=pipeline.ready)
    failed = pipeline.writer.failed
    try:
        await receiver.start()
        pipeline.start()
        doors = f"OTLP/gRPC on {receiver.grpc_address}, OTLP/HTTP on http://{receiver.http_address}"
        sys.stdout.write(f"{doors}, store {pipeline.store.url}\n")
        sys.stdout.flush()
        await until_over(stopped, failed.is_set)
        await receiver.drain()
    finally:
        # In a thread, so that a second signal still ends the process.
        await asyncio.to_thread(pipeline.close)
    if failed.is_set():
        sys.stderr.write(f"the journal in {settings.data} failed: check the disk, then start again\n")
    return 3 if failed.is_set() else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m spanledger.exporter", description="An OTLP receiver that books.")
    parser.add_argument("--store", metavar="PATH|clickhouse://…", help="the ledger (default: SPANLEDGER_STORE)")
    parser.add_argument("--data", metavar="DIR", help="the journal folder (default: STORE/journal)")
    parser.add_argument("--grpc", metavar="[HOST:]PORT", help="where OTLP/gRPC listens (default: 127.0.0.1:4317)")
    parser.add_argument("--http", metavar="[HOST:]PORT", help="where OTLP/HTTP listens (default: 127.0.0.1:4318)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
