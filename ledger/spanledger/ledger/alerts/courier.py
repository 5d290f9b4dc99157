"""One thread for each channel: what is due is sent, what fails is tried again later, and nobody waits for anybody."""

import threading
import time
from collections.abc import Callable
from logging import getLogger
from secrets import SystemRandom
from typing import Final

from spanledger.ledger.alerts.network import DeliveryError
from spanledger.ledger.alerts.outbox import GIVEN_UP_AFTER_NS, Delivery, Outbox
from spanledger.ledger.alerts.sending import Send
from spanledger.schemas import StoreUnavailableError

BACKOFF_S_MIN: Final = 5.0
BACKOFF_S_MAX: Final = 3600.0
LOOK_S_MAX: Final = 60.0
"""How often the outbox is looked at although nobody said that there is something: clocks are set, too."""

_SECOND_NS: Final = 10**9
_log = getLogger(__name__)
_by_chance: Final = SystemRandom().random


def pause_ns(attempts: int, chance: float, asked_s: float | None) -> int:
    """How long to wait after so many failed attempts: twice as long each time, and up to half of that less by chance.

    At least as long as the other side asks for.
    """
    full_s = min(BACKOFF_S_MIN * 2 ** min(attempts, 32), BACKOFF_S_MAX)
    return int(max(full_s * (1 - chance / 2), asked_s or 0.0) * _SECOND_NS)


class Courier:
    """Delivers what the outbox holds for one channel."""

    def __init__(
        self,
        channel: str,
        outbox: Outbox,
        send: Send,
        *,
        clock: Callable[[], int] = time.time_ns,
        chance: Callable[[], float] = _by_chance,
    ) -> None:
        self._channel = channel
        self._outbox = outbox
        self._send = send
        self._clock = clock
        self._chance = chance
        self._failure = ""
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"spanledger-alerts-{channel}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there may be something to deliver. Any thread."""
        self._wake.set()

    def stop(self) -> None:
        """Begin nothing more; what is under way is sent again by the next process, under its id, if it is not done."""
        self._stopping.set()
        self._wake.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the delivery in hand."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def deliver_due(self) -> float:
        """Deliver all that is due; returns how many seconds there is nothing to do."""
        while not self._stopping.is_set():
            due = self._outbox.next_due(self._channel, self._clock())
            if not isinstance(due, Delivery):
                seconds = LOOK_S_MAX if due is None else (due - self._clock()) / _SECOND_NS
                return min(max(seconds, 0.0), LOOK_S_MAX)
            self._deliver(due)
        return 0.0

    def _deliver(self, delivery: Delivery) -> None:
        try:
            self._send(delivery.id, delivery.notice, self._clock() // _SECOND_NS)
        except DeliveryError as error:
            self._put_off(delivery, str(error), final=error.final, again_s=error.again_s)
        except Exception as error:  # noqa: BLE001 (the thread outlives every failure; of a bug no text, which may quote)
            self._put_off(delivery, type(error).__name__, final=False, again_s=None)
        else:
            self._outbox.sent(delivery, self._clock())
            self._failure = ""

    def _put_off(self, delivery: Delivery, failure: str, *, final: bool, again_s: float | None) -> None:
        now_ns = self._clock()
        if final or now_ns - delivery.made_ns >= GIVEN_UP_AFTER_NS:
            _log.error("the alert %s is given up for channel %s: %s", delivery.id, self._channel, failure)
            self._outbox.gave_up(delivery, failure, now_ns)
            return
        if failure != self._failure:
            _log.warning("channel %s takes no alerts and will be tried again: %s", self._channel, failure)
        self._failure = failure
        self._outbox.again(delivery, failure, now_ns + pause_ns(delivery.attempts, self._chance(), again_s))

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                wait_s = self.deliver_due()
            except StoreUnavailableError as error:
                _log.warning("channel %s waits: %s", self._channel, error)
                wait_s = LOOK_S_MAX
            self._wake.wait(wait_s)
