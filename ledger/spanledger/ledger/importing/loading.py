"""Files into the journal through the same intake that the receiver uses. What is durable is counted, the rest told.

A few requests are under way at once, so that one `fdatasync` makes several durable; they enter the journal in order.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from spanledger.exporter.credential import Credential
from spanledger.exporter.failures import Permanent, Transient
from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver.port import Answer
from spanledger.ledger.importing.files import Body, Form, Part, UnreadableFile, found, gathered, read
from spanledger.ledger.importing.framing import NotOtlp
from spanledger.schemas import StoreUnavailableError

IN_FLIGHT_MAX: Final = 8
# A full journal is emptied by the poster beside us within seconds; a full disk is not.
RETRY_SECONDS_MAX: Final = 60.0
_RETRY_SECONDS: Final = 0.25

REASONS_MAX: Final = 5

Intake: TypeAlias = Callable[[Signal, bytes, Credential], Awaitable[Answer]]
"""Makes one OTLP protobuf request durable; raises the failures of `exporter.failures`."""


@dataclass(slots=True)
class Loaded:
    """What became of the files."""

    files: int = 0
    skipped: int = 0
    """Files met in folders that hold no OTLP."""
    rejected: int = 0
    """Spans, records or points that no ledger can take."""
    reasons: list[str] = field(default_factory=list[str])
    failures: list[str] = field(default_factory=list[str])
    """A sentence for each file that was not read to its end."""

    def reject(self, count: int, reasons: Iterable[str]) -> None:
        """Count what was refused, and keep the first reasons."""
        self.rejected += count
        for reason in reasons:
            if reason not in self.reasons and len(self.reasons) < REASONS_MAX:
                self.reasons.append(reason)


async def load(
    intake: Intake,
    credential: Credential,
    paths: Iterable[Path],
    progress: Callable[[int], None],
    signal: Signal | None = None,
    *,
    form: Form | None = None,
) -> Loaded:
    """Take in every file; `progress` is told the bytes read, `signal` is what protobuf is read as, `form` all else.

    Raises `StoreUnavailableError` if the journal refuses.
    """
    loaded = Loaded()
    for path, named in found(paths):
        taker = _Taker(intake, credential, path, loaded)
        try:
            await _load_file(taker, _convertible(read(path, progress, signal, form), loaded))
            loaded.files += 1
        except NotOtlp as error:
            if named:
                loaded.failures.append(f"{path} is not OTLP: {error}")
            else:
                loaded.skipped += 1
        except UnreadableFile as error:
            loaded.failures.append(str(error))
    return loaded


async def _load_file(taker: "_Taker", parts: Iterator[Part]) -> None:
    """Take in one file; what was read before it breaks off is taken in all the same."""
    under_way: set[asyncio.Task[None]] = set()
    try:
        for body in gathered(parts):
            under_way.add(asyncio.create_task(taker.take(body)))
            # The task runs up to its append now: records enter the journal in the order of the file.
            await asyncio.sleep(0)
            if len(under_way) >= IN_FLIGHT_MAX:
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
    finally:
        for failure in await asyncio.gather(*under_way, return_exceptions=True):
            if failure is not None:
                raise failure


def _convertible(parts: Iterator[Part], loaded: Loaded) -> Iterator[Part]:
    """The parts that hold something; what could not be converted is counted on the way."""
    for part in parts:
        for reason in part.rejected:
            loaded.reject(1, (reason,))
        if part.payload:
            yield part


class _Taker:
    """Hands the requests of one file to the intake: again when it cannot now, in pieces when it cannot at all."""

    def __init__(self, intake: Intake, credential: Credential, path: Path, loaded: Loaded) -> None:
        self._intake = intake
        self._credential = credential
        self._path = path
        self._loaded = loaded

    async def take(self, body: Body) -> None:
        """Make a request durable; a part at fault is told, its neighbours are kept."""
        try:
            answer = await self._durable(body)
        except Permanent as error:
            if len(body.parts) == 1:
                self._loaded.failures.append(f"{self._path} holds what cannot be taken: {error}")
                return
            for part in body.parts:
                await self.take(Body(body.signal, (part,)))
        else:
            self._loaded.reject(answer.rejected, answer.reasons)

    async def _durable(self, body: Body) -> Answer:
        waited = 0.0
        while True:
            try:
                return await self._intake(body.signal, body.payload, self._credential)
            except Transient as error:
                if waited >= RETRY_SECONDS_MAX:
                    msg = f"the journal took nothing for {RETRY_SECONDS_MAX:.0f} s ({error}); run the import again"
                    raise StoreUnavailableError(msg) from error
            await asyncio.sleep(_RETRY_SECONDS)
            waited += _RETRY_SECONDS
