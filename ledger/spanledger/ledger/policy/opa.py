"""One question to an Open Policy Agent server: `POST {url}/v1/data/spanledger/decision`, answered within a second.

A server that cannot be reached, has no such policy, or answers what is no decision is *away*: what that means for a
call is a setting, and it is logged once until it answers again.
"""

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from spanledger.ledger.budgets.keeper import PolicyInput
from spanledger.ledger.calling import Caller, Place, UnansweredError
from spanledger.ledger.policy.document import document_of
from spanledger.schemas import ConfigurationError, PolicyDeniedError
from spanledger.schemas.guarding import REASON_CHARS_MAX

URL: Final = "SPANLEDGER_OPA_URL"
AWAY: Final = "SPANLEDGER_OPA_AWAY"
DECISION: Final = "/v1/data/spanledger/decision"
AWAY_POLICY: Final = "opa.away"

# A decision takes OPA a millisecond; whoever waits for it is about to call a model.
ANSWER_TIMEOUT_S: Final = 1.0
NAME_CHARS_MAX: Final = 200

_logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpaSettings:
    """Where the policies are, and what holds without them."""

    url: str
    away: Literal["allow", "deny"] = "allow"


class _Decision(msgspec.Struct, frozen=True):
    allow: bool
    policy: str = ""
    reason: str = ""


class _Answer(msgspec.Struct, frozen=True):
    result: _Decision | None = None


def read_opa(environ: Mapping[str, str]) -> OpaSettings | None:
    """Read the settings; None where no policy server is set. Raises `ConfigurationError`."""
    url = environ.get(URL, "").strip().rstrip("/")
    away = environ.get(AWAY, "").strip().lower() or "allow"
    if away not in {"allow", "deny"}:
        msg = f"{AWAY} {away!r} must be allow or deny"
        raise ConfigurationError(msg)
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        msg = f"{URL} must be the base URL of an Open Policy Agent server, such as http://127.0.0.1:8181"
        raise ConfigurationError(msg)
    return OpaSettings(url, "deny" if away == "deny" else "allow")


class PolicyServer:
    """Asks one policy server. Any thread may ask."""

    def __init__(self, settings: OpaSettings) -> None:
        self._settings = settings
        self._caller = Caller(ANSWER_TIMEOUT_S)
        self._lock = threading.Lock()
        self._is_away = False
        self.counts: Counter[str] = Counter()
        """Decisions by what they were: `allowed`, `denied`, `away`."""

    def decide(self, known: PolicyInput) -> None:
        """Raise `PolicyDeniedError` for a call that the policies deny."""
        try:
            decision = self._asked(known)
        except UnansweredError as error:
            self._away(error)
            return
        self._is_away = False
        self._count("allowed" if decision.allow else "denied")
        if not decision.allow:
            raise PolicyDeniedError(
                policy=decision.policy[:NAME_CHARS_MAX] or "unnamed",
                reason=decision.reason[:REASON_CHARS_MAX] or "the policy gives no reason",
            )

    def _asked(self, known: PolicyInput) -> _Decision:
        status, body = self._caller.post(Place(self._settings.url), DECISION, {"input": document_of(known)})
        if status != 200:
            msg = f"it answers {status}"
            raise UnansweredError(msg)
        try:
            decision = msgspec.json.decode(body, type=_Answer).result
        except msgspec.MsgspecError as error:
            msg = f"its decision cannot be read: {error}"
            raise UnansweredError(msg) from error
        if decision is None:
            msg = "it has no policy spanledger/decision, or that decides nothing"
            raise UnansweredError(msg)
        return decision

    def _away(self, error: UnansweredError) -> None:
        self._count("away")
        allows = self._settings.away == "allow"
        if not self._is_away:
            self._is_away = True
            become = "granted without it" if allows else "denied"
            _logger.warning(
                "the policy server at %s cannot be asked (%s): calls are %s", self._settings.url, error, become
            )
        if not allows:
            raise PolicyDeniedError(policy=AWAY_POLICY, reason=f"the policy server cannot be asked, and {AWAY} is deny")

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1
