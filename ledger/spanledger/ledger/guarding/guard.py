"""The guard of a process: a call goes at once where a lease has room for it, and is asked for where none has.

Nothing but a denial is raised. While the server is away calls are let go, or denied, as it is set, and it is asked
again after some seconds. A child that is forked begins with no lease.
"""

import logging
import os
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final
from weakref import WeakSet

from spanledger.ledger.budgets.budget import CALL_WORDS, VALUE_CHARS_MAX
from spanledger.ledger.guarding.asking import AwayError, Granted, Server, UnaskedError
from spanledger.ledger.guarding.lease import LEASE_S, Lease
from spanledger.ledger.guarding.scope import FREE, Denial, Free, Scope, Taken
from spanledger.ledger.guarding.settings import AWAY, GuardSettings
from spanledger.schemas import BudgetExceededError, PolicyDeniedError
from spanledger.schemas import attributes as a
from spanledger.schemas.allowlist import ATTRIBUTION_KEYS
from spanledger.schemas.ending import before_the_end
from spanledger.schemas.guarding import DENIALS, GuardedCall, denied_by
from spanledger.schemas.money import format_amount

AWAY_S: Final = 5.0
"""How long a server that did not answer is not asked again."""
SCOPES_MAX: Final = 4_096
CLOSINGS_MAX: Final = 4
"""Leases that are closed on the way of one question; the others wait for the next, or expire."""
CLOSINGS_AT_END_MAX: Final = 64
AWAY_POLICY: Final = "guard.away"

_FIELDS: Final = tuple(word for word in CALL_WORDS if word in ATTRIBUTION_KEYS)
_KEYS: Final = (*(key for field in _FIELDS for key in ATTRIBUTION_KEYS[field]), a.LEDGER_APPROVAL)
_logger: Final = logging.getLogger(__name__)


class LeasingGuard:
    """See the port, `spanledger.schemas.guarding.Guard`."""

    def __init__(self, settings: GuardSettings, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock_s = settings, clock_s
        self._server = Server(settings.endpoint)
        self.observed: Counter[str] = Counter()
        """Who would have denied a call → how often, where nothing is enforced."""
        self.failures: Counter[str] = Counter()
        """What of ours failed → how often."""
        self.renew()
        before_the_end(self.close)
        _guards.add(self)

    def renew(self) -> None:
        """In a forked child: what the parent holds is the parent's."""
        self._server.renew()
        self._scopes: dict[tuple[object, ...], Scope] = {}
        self._over: deque[Lease] = deque()
        self._unused: deque[Lease] = deque()
        self._away_until_s = 0.0

    def at_once(self, call: GuardedCall) -> Taken | Free | None:
        """Let a call go without asking anybody; None where somebody has to be asked. Raises a denial."""
        key = (call.provider, call.model, call.operation, id(call.resource), *map(call.attributes.get, _KEYS))
        scope = self._scopes.get(key)
        return None if scope is None else scope.take(call, self._clock_s())

    def before(self, call: GuardedCall) -> Taken | Free:
        """Let a call go, or raise what denies it."""
        permit = self.at_once(call)
        if permit is not None:
            return permit
        scope = self._scope(call)
        with scope.asking:
            # Somebody else may have asked meanwhile.
            permit = scope.take(call, self._clock_s())
            return self._asked(scope, call) if permit is None else permit

    def close(self) -> bool:
        """Close what this process holds and needs no more; whether there was anything. Never raises."""
        scopes, self._scopes = self._scopes, {}
        self._unused += [lease for scope in list(scopes.values()) if (lease := scope.give_up()) is not None]
        held = bool(self._unused or self._over)
        self._close_some(CLOSINGS_AT_END_MAX)
        return held

    def _scope(self, call: GuardedCall) -> Scope:
        key = (call.provider, call.model, call.operation, id(call.resource), *map(call.attributes.get, _KEYS))
        while len(self._scopes) >= SCOPES_MAX:
            # What it holds expires at the server.
            self._scopes.pop(next(iter(self._scopes)), None)
        return self._scopes.setdefault(key, Scope(call.resource, self._over))

    def _asked(self, scope: Scope, call: GuardedCall) -> Taken | Free:
        now_s = self._clock_s()
        if now_s < max(self._away_until_s, scope.unasked_until_s):
            return self._without_server()
        calls = scope.calls_to_ask(now_s)
        try:
            self._close_some(CLOSINGS_MAX)
            return scope.granted(self._reserve(call, calls), call, self._clock_s())
        except DENIALS as denial:
            return self._denied(denial, scope, call)
        except UnaskedError as error:
            self._failed("ask for such a call", error)
            scope.unasked_until_s = self._clock_s() + AWAY_S
            return self._without_server()
        except (AwayError, ValueError) as error:
            self._failed("ask for a lease", error)
            self._away_until_s = self._clock_s() + AWAY_S
            return self._without_server()

    def _reserve(self, call: GuardedCall, calls: int) -> Granted:
        """Room for several calls; where there is none, for this one."""
        try:
            return self._server.reserve(self._question(call, calls))
        except BudgetExceededError:
            if calls == 1:
                raise
        return self._server.reserve(self._question(call, 1))

    def _question(self, call: GuardedCall, calls: int) -> dict[str, object]:
        """What the server is asked: amounts of all the calls together."""
        asked: dict[str, object] = {
            "call": self._words(call),
            "calls": calls,
            "lease_s": LEASE_S,
            # Where a span is recorded, it says that it was denied; what is observed was not.
            "record_denial": self._settings.enforce and not call.span_id,
        }
        if call.input_tokens is not None:
            asked["input_tokens"] = call.input_tokens * calls
        if call.max_output_tokens is not None:
            asked["max_output_tokens"] = call.max_output_tokens * calls
        if call.trace_id:
            asked["trace_id"] = f"{call.trace_id:032x}"
            asked["span_id"] = f"{call.span_id:016x}"
        if approval := call.attributes.get(a.LEDGER_APPROVAL):
            asked["approval"] = str(approval)[:VALUE_CHARS_MAX]
        return asked

    def _words(self, call: GuardedCall) -> dict[str, str]:
        """What is known of a call, in the words of a budget's scope."""
        words = {"provider": call.provider, "model": call.model, "operation": call.operation}
        for field in _FIELDS:
            for stated in (call.attributes, call.resource):
                if value := next((value for key in ATTRIBUTION_KEYS[field] if (value := stated.get(key))), ""):
                    words[field] = str(value)
                    break
        words.setdefault("environment", self._settings.environment)
        if self._settings.tenant:
            words.setdefault("tenant", self._settings.tenant)
        # As long as the ledger keeps them: a longer one is no reason not to be asked for.
        return {word: value[:VALUE_CHARS_MAX] for word, value in words.items() if value}

    def _denied(self, denial: Denial, scope: Scope, call: GuardedCall) -> Free:
        if self._settings.enforce:
            scope.denied(denial, call, self._clock_s())
            raise denial
        who = denied_by(denial)
        self.observed[who] += 1
        if self.observed[who] == 1:
            _logger.warning("spanledger would deny calls by %s: %s (logged once, then counted)", who, denial)
        return FREE

    def _without_server(self) -> Free:
        if self._settings.away == "allow" or not self._settings.enforce:
            return FREE
        raise PolicyDeniedError(
            policy=AWAY_POLICY, reason=f"the server that keeps the budgets cannot be asked, and {AWAY} is deny"
        )

    def _close_some(self, at_most: int) -> None:
        """Close leases that are used up, or were never used. Never raises.

        One that has room left is not closed: settled, it would wait for calls that are never made; it expires, and its
        calls are in the ledger by then.
        """
        try:
            for _ in range(at_most):
                if self._over:
                    lease = self._over.popleft()
                    self._server.settle(lease.reservation_id, format_amount(lease.taken))
                elif self._unused:
                    self._server.release(self._unused.popleft().reservation_id)
                else:
                    return
        except (AwayError, IndexError) as error:
            # Or another thread took the last one.
            self._failed("close a lease", error)

    def _failed(self, what: str, error: Exception) -> None:
        self.failures[what] += 1
        if self.failures[what] == 1:
            become = "let go" if self._settings.away == "allow" else "denied"
            _logger.warning(
                "spanledger: the guard cannot %s (%s); calls are %s meanwhile (logged once)", what, error, become
            )


_guards: Final[WeakSet[LeasingGuard]] = WeakSet()


def _renew() -> None:
    for guard in list(_guards):
        guard.renew()


os.register_at_fork(after_in_child=_renew)
