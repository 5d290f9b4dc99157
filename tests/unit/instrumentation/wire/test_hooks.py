"""Methods that are replaced and given back."""

from functools import wraps

from spanledger.instrumentation.wire.hooks import Hooks, Method


class _Base:
    def inherited(self) -> str:
        return "base"


class _Owner(_Base):
    def own(self) -> str:
        return "own"


def _ours(original: Method) -> Method:
    @wraps(original)
    def method(*args: object) -> str:
        return f"our {original(*args)}"

    return method


def test_an_owner_is_left_as_it_was() -> None:
    """What it had is its own again, and what it inherited it inherits."""
    before = dict(vars(_Owner))
    hooks = Hooks()
    for name in ("own", "inherited"):
        hooks.replace(_Owner, name, _ours)
    assert (_Owner().own(), _Owner().inherited(), _Base().inherited()) == ("our own", "our base", "base")
    hooks.give_back()
    assert dict(vars(_Owner)) == before


def test_what_others_wrapped_stays() -> None:
    """Who replaced ours after us keeps what he put there."""
    hooks, theirs = Hooks(), Hooks()
    hooks.replace(_Owner, "inherited", _ours)
    theirs.replace(_Owner, "inherited", _ours)
    hooks.give_back()
    assert _Owner().inherited() == "our our base"
    del _Owner.inherited
