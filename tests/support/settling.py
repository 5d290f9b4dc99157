"""Claims for the tests of settlement, and what settlements of them come to."""

from collections import Counter
from collections.abc import Sequence

from spanledger.exporter.settle import Charge, Posted, Ruling, Settlement, Settler, Standing, posted_of, stand
from spanledger.schemas.claim import Attribution, Call, Claim, Role, Signal

SECOND_NS = 10**9


def claim(
    span: int,
    *,
    response_id: str = "",
    role: Role = "inference",
    usage: dict[str, int] | None = None,
    seconds: tuple[int, int] = (0, 10),
    parent: int = 0,
    trace: int = 1,
    scope: str = "*",
    tenant: str = "acme",
    error: bool = False,
    emitter: str = "client",
    service: str = "shop",
    signal: Signal = "traces",
) -> Claim:
    """A claim of 100 input and 20 output tokens unless told otherwise."""
    used = {"input_tokens": 100, "output_tokens": 20} if usage is None else usage
    return Claim(
        scope=scope,
        signal=signal,
        trace_id=f"{trace:032x}" if trace else "",
        span_id=f"{span:016x}",
        parent_span_id=f"{parent:016x}" if parent else "",
        start_ns=seconds[0] * SECOND_NS,
        end_ns=seconds[1] * SECOND_NS,
        call=Call(role=role, dialect="semconv", emitter=emitter),
        response_id=response_id,
        usage=used,
        usage_source="provider" if used else "missing",
        status="error" if error else "ok",
        attribution=Attribution(tenant=tenant, service_name=service),
    )


def standing(made: Claim, received_s: int = 20) -> Standing:
    """The claim as it arrives."""
    return stand(made, received_s * SECOND_NS)


def still_open(*settlements: Settlement) -> list[Charge]:
    """What was posted and not withdrawn."""
    opened: dict[bytes, Charge] = {}
    for settlement in settlements:
        for charge_id in settlement.withdrawn:
            del opened[charge_id]
        for charge in settlement.charges:
            assert charge.charge_id not in opened
            opened[charge.charge_id] = charge
    return list(opened.values())


def net(*settlements: Settlement) -> Counter[tuple[str, str]]:
    """(tenant, unit) → net quantity over everything that was posted and withdrawn."""
    total: Counter[tuple[str, str]] = Counter()
    for charge in still_open(*settlements):
        total.update({("requests", ""): int(charge.kind == "charge")})
        who = charge.claim.attribution.tenant
        total.update({(who, unit): number for unit, number in charge.claim.usage.items()})
    return Counter({key: number for key, number in total.items() if number})


def settle(claims: Sequence[Claim], *, close: bool = True) -> Settlement:
    """One batch, with the window closed behind it."""
    return Settler().settle(map(standing, claims), 20 * SECOND_NS, close=close)


class Ledger:
    """The stored claims and open events that settlements leave behind, for a settler that remembers nothing."""

    def __init__(self) -> None:
        self.rulings: dict[bytes, Ruling] = {}
        self.opened: dict[bytes, Posted] = {}

    def post(self, settlement: Settlement) -> None:
        """Keep what a settlement says, as the store would."""
        self.rulings |= {ruling[0].claim_id: ruling for ruling in settlement.rulings}
        for charge_id in settlement.withdrawn:
            del self.opened[charge_id]
        self.opened |= {charge.charge_id: posted_of(charge) for charge in settlement.charges}
