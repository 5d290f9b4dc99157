"""Where usage of this process goes, decided once from the settings.

`SPANLEDGER_SANDBOX`: to stdout and nowhere else. `SPANLEDGER_OTLP_ENDPOINT`: a journal of that endpoint's own, and a
forwarder. `SPANLEDGER_STORE=clickhouse://…`: a journal, and a poster in this process. Else: the default store's
journal, which the next `serve` or command posts; no engine, no grpc and no price list is ever loaded into an
application for it.
"""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

from platformdirs import user_data_path

from spanledger.exporter.inprocess.appender import Appender
from spanledger.exporter.inprocess.counts import Counts
from spanledger.exporter.inprocess.courier import Carrier, Courier
from spanledger.exporter.inprocess.entries import Home, entries
from spanledger.exporter.inprocess.recorder import Recorder
from spanledger.exporter.inprocess.writer import Writer
from spanledger.exporter.journal import JournalWriter
from spanledger.exporter.settings import Settings, load
from spanledger.exporter.sift import pseudonyms_under

# Some 600 usage spans. A process may live for one span and every worker has a spare, so their sum matters.
SEGMENT_BYTES: Final = 256 * 1024

CarrierFactory = Callable[[Appender, Counts], Carrier]
"""Makes the carrier of a process id beside its appender."""

_logger = logging.getLogger("spanledger.exporter")


def open_recorder(settings: Settings | None = None) -> Recorder | None:
    """The recorder of these settings, by default the environment's; None, with one log line, if one is wrong."""
    try:
        chosen = settings or load()
        if chosen.log_level:
            logging.getLogger("spanledger").setLevel(chosen.log_level)
        if chosen.sandbox:
            # It prices, which no other way in from an application does.
            from spanledger.exporter.inprocess.sandbox import Sandbox  # noqa: PLC0415

            return Sandbox(chosen)
        root, carrier = destination(chosen)
        return Recorder(partial(_open_writer, root, chosen, carrier))
    except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
        # Whatever is wrong with what somebody set, the application starts.
        _logger.error("spanledger is disabled, usage is not recorded: %s", error)  # noqa: TRY400 (a sentence, no trace)
        return None


def destination(settings: Settings) -> tuple[Path, CarrierFactory | None]:
    """The journal folder and what carries it on.

    What a courier needs is imported here, on the application's thread: a fork in the middle of another thread's
    import leaves the child with that module locked for ever.
    """
    if settings.otlp_endpoint:
        from spanledger.exporter.inprocess.delivery import ReceiverConnection  # noqa: PLC0415
        from spanledger.exporter.inprocess.forwarder import Forwarder  # noqa: PLC0415

        root = _forwarding_journal(settings)
        receiver = partial(ReceiverConnection, settings.otlp_endpoint, settings.api_key)
        return root, lambda appender, counts: Forwarder(root, appender.is_own, receiver(), counts)
    if not settings.embedded:
        from spanledger.exporter.inprocess.server_poster import ServerPoster  # noqa: PLC0415

        return settings.data, lambda appender, _counts: ServerPoster(settings, appender.tick)
    return settings.data, None


def _forwarding_journal(settings: Settings) -> Path:
    """A folder of the endpoint's own, unless one was given: what lies in a store's journal is posted there."""
    if settings.data != load({"SPANLEDGER_STORE": settings.store}).data:
        return settings.data
    name = quote(settings.otlp_endpoint.partition("://")[2].rpartition("@")[2], safe="")
    return user_data_path("spanledger", appauthor=False) / "journal" / name


def _open_writer(root: Path, settings: Settings, carrier: CarrierFactory | None, counts: Counts) -> Writer:
    appender = Appender(partial(JournalWriter, root, segment_bytes=SEGMENT_BYTES), counts)
    courier = Courier(partial(carrier, appender, counts), counts) if carrier else None
    pseudonyms = pseudonyms_under(settings.pseudonym_key, agents=settings.pseudonym_agents)
    home = Home(settings.tenant, settings.environment, pseudonyms)
    return Writer(appender, lambda spans: entries(spans, home, counts), courier, counts)
