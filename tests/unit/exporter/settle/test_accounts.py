"""Whose account several tellers of one call make it: one that is named before one that is assumed."""

import msgspec
from support.settling import claim

from spanledger.exporter.settle.merging import merged
from spanledger.schemas.claim import ACCOUNT_ASSUMED, Claim


def teller(span: int, account: str, *, assumed: bool = False, provider: str = "aws.bedrock") -> Claim:
    """A claim; of two the one with the smaller number lies outside."""
    made = claim(span, parent=span - 1, seconds=(span, 100 - span))
    call = msgspec.structs.replace(made.call, account=account, provider=provider)
    return msgspec.structs.replace(made, call=call, flags=(ACCOUNT_ASSUMED,) if assumed else ())


def told(*claims: Claim) -> tuple[str, tuple[str, ...]]:
    """The account and the flags of the claims made one, in either order."""
    one, other = merged(claims), merged(claims[::-1])
    assert one == other
    return one.call.account, one.flags


def test_a_named_account_comes_before_an_assumed_one() -> None:
    """The application names the account it assumes a role in; its client's span only knows where it runs."""
    assert told(teller(1, "222"), teller(2, "111", assumed=True)) == ("222", ())
    assert told(teller(1, "111", assumed=True), teller(2, "222")) == ("222", ())


def test_of_two_named_accounts_the_outermost_holds() -> None:
    """As with all that an application says of its calls."""
    assert told(teller(1, "a"), teller(2, "b")) == ("a", ())


def test_of_two_assumed_accounts_the_innermost_holds() -> None:
    """A gateway calls the provider under its own account, whoever called the gateway."""
    both = told(teller(1, "111", assumed=True), teller(2, "222", assumed=True))
    assert both == ("222", (ACCOUNT_ASSUMED,))


def test_an_account_is_not_assumed_for_another_provider() -> None:
    """What is charged as OpenAI's is under no account of a cloud."""
    openai = teller(1, "", provider="openai")
    precise = msgspec.structs.replace(openai, usage={**openai.usage, "reasoning_tokens": 5})
    assert told(precise, teller(2, "111", assumed=True)) == ("", ())
