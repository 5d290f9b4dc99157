"""How much each tenant may send: token buckets for spans and for bytes, so that one sender's flood is its own.

A bucket belongs to a credential's scope, which is all that is known before a request is decoded: keys of one tenant
share theirs, and so do all senders with scope `*`. A request is taken while anything is left and may take more than
that, which is paid back before the next one: batches of any size pass, and the mean holds.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from spanledger.exporter.credential import Credential
from spanledger.exporter.failures import Throttled

BURST_S: Final = 10.0
"""A tenant that was silent may send this long at once: senders gather for seconds, and come in step."""
# Those that sent longest ago are forgotten, which gives them a full bucket: scopes are ours or an issuer's to give.
SCOPES_MAX: Final = 65_536


@dataclass(slots=True)
class _Bucket:
    spans: float
    bytes: float
    then_s: float


class TenantRates:
    """The buckets of one process. 0 is without limit. Of one thread."""

    def __init__(
        self, *, spans_per_s: int = 0, bytes_per_s: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._spans_per_s = spans_per_s
        self._bytes_per_s = bytes_per_s
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def check(self, credential: Credential) -> None:
        """Raise `Throttled` while a scope has taken more than its rate allows."""
        if not (self._spans_per_s or self._bytes_per_s):
            return
        bucket = self._bucket(credential.scope)
        for left, rate, unit in (
            (bucket.spans, self._spans_per_s, "spans"),
            (bucket.bytes, self._bytes_per_s, "bytes"),
        ):
            if rate and left <= 0:
                msg = f"{credential.scope} sends more than {rate} {unit} per second; other tenants are not affected"
                raise Throttled(msg)

    def spend(self, credential: Credential, *, spans: int, body_bytes: int) -> None:
        """Count a request that is taken."""
        if self._spans_per_s or self._bytes_per_s:
            bucket = self._bucket(credential.scope)
            bucket.spans -= spans
            bucket.bytes -= body_bytes

    def _bucket(self, scope: str) -> _Bucket:
        now_s = self._clock()
        spans_max, bytes_max = self._spans_per_s * BURST_S, self._bytes_per_s * BURST_S
        bucket = self._buckets.get(scope)
        if bucket is None:
            bucket = self._buckets[scope] = _Bucket(spans_max, bytes_max, now_s)
            if len(self._buckets) > SCOPES_MAX:
                self._buckets.popitem(last=False)
            return bucket
        self._buckets.move_to_end(scope)
        passed_s = now_s - bucket.then_s
        bucket.spans = min(spans_max, bucket.spans + passed_s * self._spans_per_s)
        bucket.bytes = min(bytes_max, bucket.bytes + passed_s * self._bytes_per_s)
        bucket.then_s = now_s
        return bucket
