"""The input of a policy: what is known of a call before anything is held for it. Documented in docs/policy.md. Pure.

Amounts are numbers, written digit by digit: the policy server calculates with them exactly. None is unknown, not zero.
"""

from decimal import ROUND_UP, Context, Decimal
from typing import Final

from spanledger.ledger.budgets.keeper import PolicyInput
from spanledger.schemas.money import ATTO_DIGITS

_ATTO: Final = Decimal(1).scaleb(-ATTO_DIGITS)
_EXACT: Final = Context(prec=128, rounding=ROUND_UP)


def document_of(known: PolicyInput) -> dict[str, object]:
    """The input of a policy. Sizes and costs are of one call, where a lease is asked for several at once."""
    asked, estimate = known.asked, known.estimate
    return {
        "call": {**asked.call},
        "calls": asked.calls,
        "input_tokens": _each(asked.input_tokens, asked.calls),
        "max_output_tokens": _each(asked.max_output_tokens, asked.calls),
        "estimated_cost": None if estimate.amount is None else _share(estimate.amount, asked.calls),
        "currency": estimate.currency,
        "approval": asked.approval,
        "budgets": [
            {
                "name": state.name,
                "limit": state.limit,
                "spent": state.spent,
                "held": state.held,
                "remaining": state.remaining,
                "currency": state.currency,
                "resets_at": None if state.resets_at is None else state.resets_at.isoformat(),
            }
            for state in known.budgets
        ],
    }


def _each(tokens: int | None, calls: int) -> int | None:
    return None if tokens is None else -(-tokens // calls)


def _share(amount: Decimal, calls: int) -> Decimal:
    return _EXACT.divide(amount, Decimal(calls)).quantize(_ATTO, context=_EXACT) if calls > 1 else amount
