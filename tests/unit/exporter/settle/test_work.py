"""Explicit work is what the application says it is, wherever it stands in a trace."""

from support.settling import claim, net, settle

REQUEST = {"requests": 1}


def test_work_beside_and_inside_calls_is_charged_beside_them() -> None:
    """A unit of work below a call, around one, and around other work: each is its own."""
    made = [
        claim(1, seconds=(0, 10)),
        claim(2, role="work", usage=REQUEST, parent=1, seconds=(2, 2), emitter="ours"),
        claim(3, role="work", usage=REQUEST, seconds=(0, 20), emitter="theirs"),
        claim(4, role="work", usage=REQUEST, parent=3, seconds=(1, 1), emitter="ours"),
    ]
    assert net(settle(made)) == {
        ("requests", ""): 4,
        ("acme", "input_tokens"): 100,
        ("acme", "output_tokens"): 20,
        ("acme", "requests"): 3,
    }


def test_work_that_is_no_tokens_covers_no_roll_up() -> None:
    """An agent whose calls nobody told of is charged, though it tracked a request; tokens it tracked are its own."""
    agent = claim(1, role="rollup", seconds=(0, 10))
    request = claim(2, role="work", usage=REQUEST, parent=1, seconds=(1, 1), emitter="ours")
    tokens = claim(3, role="work", usage={"input_tokens": 100}, parent=1, seconds=(2, 2), emitter="ours")
    assert net(settle([agent, request]))["acme", "input_tokens"] == 100
    assert net(settle([agent, request, tokens])) == {
        ("requests", ""): 2,
        ("acme", "requests"): 1,
        ("acme", "input_tokens"): 100,
    }


def test_the_same_work_stated_twice_is_charged_once() -> None:
    """An idempotency key is an id: the same work again, from anywhere, is the same charge."""
    once = claim(1, role="work", usage=REQUEST, response_id="db/write/requests/k1", trace=1)
    again = claim(2, role="work", usage=REQUEST, response_id="db/write/requests/k1", trace=2, seconds=(30, 30))
    assert net(settle([once, again])) == {("requests", ""): 1, ("acme", "requests"): 1}
