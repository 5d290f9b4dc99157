"""One import from files to ledger: through the store itself, or beside the `serve` that holds it."""

import asyncio
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from spanledger.exporter.credential import ANY_SCOPE, Credential
from spanledger.exporter.intake import Intake
from spanledger.exporter.journal import JournalWriter, Shard, Signal
from spanledger.exporter.settings import Settings
from spanledger.exporter.sift import pseudonyms_under
from spanledger.ledger.access import Opened
from spanledger.ledger.access.local import LocalAccess
from spanledger.ledger.accounts import Accounts, accounts
from spanledger.ledger.importing.files import Form
from spanledger.ledger.importing.loading import Loaded, load
from spanledger.schemas import StoreUnavailableError

FLUSH_SECONDS_MAX: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What to import, and as what."""

    paths: Sequence[Path]
    tenant: str | None = None
    """The only tenant to charge; None to let the telemetry say."""
    signal: Signal | None = None
    """What protobuf is read as; None to tell it by its content."""
    form: Form | None = None
    """How to read what is no OTLP."""


Progress: TypeAlias = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did."""

    loaded: Loaded
    accounts: Accounts
    """Where the spans ended that were posted meanwhile (beside a `serve`: of every sender)."""
    waiting_bytes: int
    """Journal bytes of these files that are still to be posted: 0 when everything is in the ledger."""

    @property
    def complete(self) -> bool:
        """Whether every file was read to its end and all of it is in the ledger or in its quarantine."""
        return not (self.loaded.failures or self.loaded.rejected or self.waiting_bytes)


def credential_of(settings: Settings, tenant: str | None) -> Credential:
    """Without `--tenant` the telemetry decides; with it only that tenant may be charged."""
    return Credential(tenant, tenant) if tenant else Credential(ANY_SCOPE, settings.tenant)


def run_import(access: Opened, settings: Settings, files: Files, read: Progress) -> Imported:
    """Take in the files, post them, close the settling window. `read` is told the bytes of the files read.

    Raises `StoreUnavailableError` if journal or store take nothing; running it again is harmless.
    """
    before = accounts(access.query)
    with _intake(access, settings) as (intake, writer):
        loaded = asyncio.run(_load(intake, settings, files, read))
        if not writer.flush(FLUSH_SECONDS_MAX):
            msg = "the journal did not become durable; run the import again"
            raise StoreUnavailableError(msg)
        access.post(close_window=True)
        shard = writer.shard_path
        waiting = Shard(shard).pending_bytes if shard is not None and shard.exists() else 0
    return Imported(loaded=loaded, accounts=accounts(access.query) - before, waiting_bytes=waiting)


async def _load(intake: Intake, settings: Settings, files: Files, read: Progress) -> Loaded:
    return await load(intake, credential_of(settings, files.tenant), files.paths, read, files.signal, form=files.form)


@contextmanager
def _intake(access: Opened, settings: Settings) -> Generator[tuple[Intake, JournalWriter]]:
    """Into the journal of whoever posts: this process's own, or a shard beside those of a running `serve`."""
    if isinstance(access, LocalAccess):
        access.post_in_background()
        yield access.pipeline.intake, access.pipeline.writer
        return
    writer = JournalWriter(Path(access.endpoint.data))
    try:
        pseudonyms = pseudonyms_under(settings.pseudonym_key, agents=settings.pseudonym_agents)
        yield Intake(writer, pseudonyms=pseudonyms), writer
    finally:
        writer.close()
