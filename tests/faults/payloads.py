"""Mutated requests through the real way from a door to a settled charge: nothing but our own refusals may come of it.

A good span that shares a readable request with a broken one is charged exactly, and what was sifted reads back from
the journal as it was. `PYTHONPATH=tests python -m faults.payloads --runs N`; a failure names its seed and its case.
"""

import argparse
import gzip
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Sequence
from random import Random
from typing import Final, NamedTuple, cast

from faults.batches import (
    GOOD,
    GOOD_TRACE,
    Part,
    good_json,
    good_part,
    json_of_recording,
    json_request,
    recordings,
    request_of,
)
from faults.mutation import Json, change_message, changed_bytes, changed_json
from faults.table import Line, row
from msgspec.structs import astuple as struct_astuple

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode import decode
from spanledger.exporter.failures import Refused
from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver.inflate import decoding
from spanledger.exporter.receiver.otlpjson import json_to_protobuf
from spanledger.exporter.settings import BODY_BYTES_MAX
from spanledger.exporter.settle import Settler, stand
from spanledger.exporter.sift import UsageRecord, sift
from spanledger.schemas.claim import Claim

PROCESSES: Final = 2
MEMORY_BYTES_MAX: Final = 2 * BODY_BYTES_MAX
"""How much a process may grow over all its cases."""

WHOLES: Final = ("input_tokens", "output_tokens")

_KIBIBYTE: Final = 1024
_NOW_NS: Final = 1_767_300_000 * 10**9
_OPEN: Final = Credential("*", "unattributed")
# Before memory is measured: what is loaded once, and the first pages of every cache.
_WARM_RUNS: Final = 2_000
_TRACE_ID: Final = f"{GOOD_TRACE:032x}"
_CHUNK_BYTES: Final = 64 * _KIBIBYTE


class Body(NamedTuple):
    """What a sender sends, and whether all that is good in it has to be charged."""

    signal: Signal
    content: bytes
    content_type: str
    gzipped: bool
    readable: bool
    """Whether only one part is broken, so that the rest must survive."""


class Tally(NamedTuple):
    """What a process saw."""

    runs: int
    lost: int
    doubled: int
    refused: int
    slowest_ms: float
    slowest_case: int
    grown_bytes: int
    failure: str


def body_of(seed: int, case: int) -> Body:
    """The request of a case; the same for ever."""
    chance = Random(seed * 1_000_000_007 + case)
    kind = chance.randrange(20)
    if kind < 6:
        return _with_a_broken_element(chance)
    if kind < 11:
        return _with_a_changed_element(chance)
    if kind < 15:
        return _broken_anywhere(chance)
    if kind < 18:
        return _json(chance)
    return _gzipped(chance)


def charged(body: Body) -> dict[str, list[dict[str, int]]]:
    """The usage of every good element, by its response, as charges: what door, journal and poster make of a body.

    Raises one of the failures that a sender is told of, and nothing else.
    """
    content = body.content
    if body.gzipped:
        inflation = decoding("gzip", BODY_BYTES_MAX)
        assert inflation is not None
        starts = range(0, len(content), _CHUNK_BYTES)
        content = b"".join([inflation.feed(content[start : start + _CHUNK_BYTES]) for start in starts])
        inflation.finish()
    if body.content_type == "json":
        content, _ = json_to_protobuf(body.signal, content)
    signal = body.signal.charged
    assert signal is not None
    sifted = sift(content, signal)
    assert sifted.received >= sifted.rejected + len(sifted.spans), "an element is counted twice"
    again = sift(sifted.payload, signal)
    assert list(map(_said, again.spans)) == list(map(_said, sifted.spans)), "the journal reads something else"
    claims = [claim for each in sifted.spans if isinstance(claim := decode(each, _OPEN), Claim)]
    settlement = Settler().settle([stand(claim, _NOW_NS) for claim in claims], _NOW_NS, close=True)
    found: dict[str, list[dict[str, int]]] = {}
    for charge in settlement.charges:
        if charge.claim.trace_id == _TRACE_ID and charge.kind == "charge":
            used = {unit: charge.claim.usage.get(unit, 0) for unit in WHOLES}
            found.setdefault(charge.claim.response_id, []).append(used)
    return found


def cases(seed: int, runs: int, *, memory: bool = False) -> Tally:
    """Try `runs` cases of a seed in this process. With `memory` its growth is bounded by the system, too."""
    lost = doubled = refused = slowest_case = 0
    slowest_s = 0.0
    before = _resident_bytes()
    for case in range(runs):
        if memory and case == min(_WARM_RUNS, runs // 2):
            before = _resident_bytes()
        body = body_of(seed, case)
        begun_s = time.perf_counter()
        try:
            found = charged(body)
        except Refused as refusal:
            refused += 1
            if body.readable:
                return Tally(case, 1, 0, refused, 0, case, 0, f"seed {seed} case {case}: refused whole: {refusal}")
            continue
        except Exception as error:  # noqa: BLE001 (whatever escapes is the finding)
            return Tally(case, 0, 0, refused, 0, case, 0, f"seed {seed} case {case}: {error!r}")
        finally:
            taken_s = time.perf_counter() - begun_s
            if taken_s > slowest_s:
                slowest_s, slowest_case = taken_s, case
        if body.readable:
            lost += sum(used not in found.get(f"good-{number}", []) for number, used in GOOD.items())
            doubled += sum(len(charges) > 1 for charges in found.values())
        if lost or doubled:
            return Tally(case, lost, doubled, refused, 0, case, 0, f"seed {seed} case {case}: {found}")
    return Tally(runs, lost, doubled, refused, slowest_s * 1e3, slowest_case, _resident_bytes() - before, "")


def tried(runs: int, seed: int = 1) -> Line:
    """The programme, in processes of its own."""
    share = -(-runs // PROCESSES)
    seeds = range(seed, seed + PROCESSES)
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        tallies = pool.starmap(_bounded, [(each, share) for each in seeds], chunksize=1)
    failures = [tally.failure for tally in tallies if tally.failure]
    grown = max(tally.grown_bytes for tally in tallies)
    if grown > MEMORY_BYTES_MAX:
        failures.append(f"a process grew by {grown} bytes")
    which, slowest = max(zip(seeds, tallies, strict=True), key=lambda each: each[1].slowest_ms)
    note = (
        f"{sum(tally.refused for tally in tallies)} refused, slowest {slowest.slowest_ms:.0f} ms "
        f"(seed {which} case {slowest.slowest_case}), grown by at most {grown // _KIBIBYTE} KiB"
    )
    return Line(
        "mutated payloads",
        sum(tally.runs for tally in tallies),
        sum(tally.lost for tally in tallies),
        sum(tally.doubled for tally in tallies),
        failures,
        note=note,
    )


def _bounded(seed: int, runs: int) -> Tally:
    """In a process that the system itself does not let grow far beyond what it may."""
    # What the recordings are as JSON is ours, and would else be counted as growth.
    for recording in recordings():
        json_of_recording(recording)
    cases(seed, 200)
    virtual_bytes = int(_status("VmSize")) * _KIBIBYTE
    limit = virtual_bytes + 4 * MEMORY_BYTES_MAX
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return cases(seed, runs, memory=True)


def _said(record: UsageRecord) -> tuple[object, ...]:
    """All that a record says; a resource is compared by identity, and its attributes have no order."""
    resource = record.resource
    return (*struct_astuple(record)[1:-1], resource.attributes, resource.scope_name, resource.scope_version)


def _with_a_broken_element(chance: Random) -> Body:
    recording = chance.choice(recordings())
    parts = list(recording.parts)
    at = chance.randrange(len(parts))
    elements = list(parts[at].elements)
    which = chance.randrange(len(elements))
    elements[which] = changed_bytes(chance, elements[which])
    parts[at] = parts[at]._replace(elements=tuple(elements))
    return _mixed(chance, recording.signal, parts)


def _with_a_changed_element(chance: Random) -> Body:
    recording = chance.choice(recordings())
    parts = list(recording.parts)
    at = chance.randrange(len(parts))
    elements = list(parts[at].elements)
    which = chance.randrange(len(elements))
    message = recording.element_type.FromString(elements[which])
    change_message(chance, message)
    elements[which] = message.SerializeToString()
    parts[at] = parts[at]._replace(elements=tuple(elements))
    if chance.random() < 0.2:
        parts[at] = parts[at]._replace(resource=changed_bytes(chance, parts[at].resource))
    if chance.random() < 0.1:
        parts[at] = parts[at]._replace(scope=changed_bytes(chance, parts[at].scope))
    return _mixed(chance, recording.signal, parts)


def _mixed(chance: Random, signal: Signal, parts: list[Part]) -> Body:
    parts.insert(chance.randrange(len(parts) + 1), good_part(signal))
    return Body(signal, request_of(parts), "protobuf", gzipped=False, readable=True)


def _broken_anywhere(chance: Random) -> Body:
    recording = chance.choice(recordings())
    content = changed_bytes(chance, request_of([*recording.parts, good_part(recording.signal)]))
    return Body(recording.signal, content, "protobuf", gzipped=False, readable=False)


def _json(chance: Random) -> Body:
    recording = chance.choice(recordings())
    resources = [*json_of_recording(recording)]
    readable = chance.random() < 0.5
    if readable:
        tree = cast("dict[str, Json]", resources[0])
        (key,) = (name for name in tree if name.startswith("scope"))
        resources[0] = {**tree, key: _changed_members(chance, tree[key])}
    resources.insert(chance.randrange(len(resources) + 1), good_json(recording.signal))
    content = json_request(recording.signal, resources)
    if not readable:
        changed = changed_json(chance, cast("Json", json.loads(content)))
        content = json.dumps(changed).encode() if chance.random() < 0.5 else changed_bytes(chance, content)
    return Body(recording.signal, content, "json", gzipped=False, readable=readable)


def _changed_members(chance: Random, scopes: Json) -> Json:
    changed = changed_json(chance, scopes, depth=1)
    return changed if isinstance(changed, list) else scopes


def _gzipped(chance: Random) -> Body:
    recording = chance.choice(recordings())
    content = gzip.compress(request_of([*recording.parts, good_part(recording.signal)]), compresslevel=1)
    if chance.random() < 0.7:
        content = changed_bytes(chance, content)
    return Body(recording.signal, content, "protobuf", gzipped=True, readable=False)


def _resident_bytes() -> int:
    return int(_status("VmRSS")) * _KIBIBYTE


def _status(field: str) -> str:
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 (nothing else is read so often)
        return next(line.split()[1] for line in status if line.startswith(f"{field}:"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the programme and print its row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int, help="only this case, with its traceback")
    options = parser.parse_args(arguments)
    if options.case is not None:
        body = body_of(options.seed, options.case)
        sys.stdout.write(f"{body}\n{charged(body)}\n")
        return 0
    line = tried(options.runs, options.seed)
    sys.stdout.write(f"{row(line)}\n")
    return 0 if line.holds else 1


if __name__ == "__main__":
    sys.exit(main())
