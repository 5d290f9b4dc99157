"""The receiver alone: `python -m spanledger.exporter [--store …] [--data …] [--grpc …] [--http …]`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spanledger.exporter.settings import Settings, load
from spanledger.schemas import SpanledgerError

if TYPE_CHECKING:
    from spanledger.exporter.authentication.guard import Guard
    from spanledger.exporter.pipeline import Pipeline


def main(arguments: Sequence[str] | None = None) -> int:
    """Take OTLP and post it until a signal comes. Return 0, or the exit code of what went wrong."""
    options = _parser().parse_args(arguments)
    try:
        stated = {name: value for name, value in vars(options).items() if isinstance(value, str)}
        return _run(load(None, **stated))
    except SpanledgerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


def _run(settings: Settings) -> int:
    # The engine and grpc take a second to load: not for a wrong setting, and not for --help.
    from spanledger.exporter.authentication.guard import guard  # noqa: PLC0415

    guarded = guard(settings, [("--grpc", settings.grpc), ("--http", settings.http)])
    from spanledger.exporter.pipeline import open_pipeline  # noqa: PLC0415
    from spanledger.exporter.throughput import favour_throughput  # noqa: PLC0415

    favour_throughput()
    return asyncio.run(_serve(settings, open_pipeline(settings), guarded))


async def _serve(settings: Settings, pipeline: "Pipeline", guarded: "Guard") -> int:
    from spanledger.exporter.receiver.server import Receiver  # noqa: PLC0415
    from spanledger.exporter.receiver.stopping import POST_S_MAX, stop_on_signals, until_over  # noqa: PLC0415

    stopped = stop_on_signals()
    receiver = Receiver(settings, pipeline.senders_intake(), ready=pipeline.ready, authenticator=guarded.otlp)
    failed = pipeline.writer.failed
    try:
        await receiver.start()
        pipeline.start()
        scheme = "https" if settings.access.tls else "http"
        doors = f"OTLP/gRPC on {receiver.grpc_address}, OTLP/HTTP on {scheme}://{receiver.http_address}"
        sys.stdout.write(f"{doors}, store {pipeline.store.url}\n{guarded.told}\n")
        sys.stdout.flush()
        await until_over(stopped, failed.is_set)
        await receiver.drain()
    finally:
        # In a thread, so that a second signal still ends the process.
        await asyncio.to_thread(pipeline.close, POST_S_MAX)
        guarded.api.close()
    if failed.is_set():
        sys.stderr.write(f"the journal in {settings.data} failed: check the disk, then start again\n")
    return 3 if failed.is_set() else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m spanledger.exporter", description="An OTLP receiver that books.")
    parser.add_argument("--store", metavar="PATH|clickhouse://…", help="the ledger (default: SPANLEDGER_STORE)")
    parser.add_argument("--data", metavar="DIR", help="the journal folder (default: STORE/journal)")
    parser.add_argument("--grpc", metavar="[HOST:]PORT", help="where OTLP/gRPC listens (default: 127.0.0.1:4317)")
    parser.add_argument("--http", metavar="[HOST:]PORT", help="where OTLP/HTTP listens (default: 127.0.0.1:4318)")
    parser.add_argument(
        "--insecure-public",
        action="store_const",
        const="true",
        help="listen for other machines without asking who is there",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
