from collections.abc import Sequence

from support.alerting import alert
from support.ledger_events import NOON_NS

from spanledger.ledger.alerts.alert import KEY_CHARS_MAX, KINDS, Alert, Kind, key_of
from spanledger.ledger.alerts.telling import MATTERS_OF_A_KIND_MAX, Standing, Terms, told

HOUR_NS = 3600 * 10**9
DAY = Terms(24 * HOUR_NS, resolved=True)
ALL = frozenset[Kind](KINDS)


class Memory:
    """What was told, hour by hour."""

    def __init__(self, terms: Terms = DAY) -> None:
        self.terms = terms
        self.standing: dict[str, Standing] = {}

    def look(self, hour: float, *firing: Alert, looked_at: frozenset[Kind] = ALL) -> list[str]:
        """What is told at this hour of what fires."""
        news = told(self.standing, firing, looked_at, self.terms, NOON_NS + int(hour * HOUR_NS))
        self.standing |= {each.alert.key: each for each in news.standing}
        for key in news.forgotten:
            del self.standing[key]
        return [f"{each.happening} {each.alert.key}" for each in news.notices]


def repeated(memory: Memory, hours: Sequence[float], *firing: Alert) -> list[float]:
    """The hours at which something was told."""
    return [hour for hour in hours if memory.look(hour, *firing)]


def test_what_lasts_is_told_once_a_window() -> None:
    """However often it is looked at."""
    assert repeated(Memory(), range(60), alert()) == [0, 24, 48]


def test_what_names_its_window_is_told_once() -> None:
    """A budget's threshold, and a day that was dear: the next window has another key."""
    memory = Memory()
    assert repeated(memory, range(60), alert(kind="budget_threshold"), alert(kind="anomaly")) == [0]
    assert memory.look(61) == []


def test_the_end_of_what_lasts_is_told() -> None:
    """With what its end means, and only where that is wanted."""
    memory = Memory()
    assert memory.look(0, alert()) == ["fired unpriced_model:gpt-x"]
    news = told(memory.standing, [], ALL, DAY, NOON_NS + HOUR_NS)
    assert [(each.happening, each.alert.text) for each in news.notices] == [
        ("resolved", "It has a price by now, or was not used for 7 days.")
    ]
    assert told(memory.standing, [], ALL, Terms(24 * HOUR_NS, resolved=False), NOON_NS + HOUR_NS).notices == []


def test_what_comes_and_goes_is_told_three_times_a_window() -> None:
    """It began, it was over, it began again; after that the window has to pass."""
    memory = Memory()
    told_at = [memory.look(hour / 10, *([alert()] if hour % 2 == 0 else [])) for hour in range(200)]
    assert [each for [each] in filter(None, told_at)] == [
        "fired unpriced_model:gpt-x",
        "resolved unpriced_model:gpt-x",
        "fired unpriced_model:gpt-x",
    ]


def test_what_comes_back_unannounced_waits_for_the_window() -> None:
    """Without notices of an end, a second beginning is no news."""
    memory = Memory(Terms(24 * HOUR_NS, resolved=False))
    told_at = [hour for hour in range(30) if memory.look(hour, *([alert()] if hour % 2 == 0 else []))]
    assert told_at == [0, 24]


def test_what_could_not_be_looked_at_is_not_over() -> None:
    """The store was away: nothing is known of it."""
    memory = Memory()
    memory.look(0, alert(), alert(kind="journal_lag"))
    assert memory.look(1, looked_at=frozenset({"journal_lag"})) == ["resolved journal_lag:gpt-x"]
    assert memory.standing["unpriced_model:gpt-x"].is_open


def test_what_is_over_is_forgotten_after_the_window() -> None:
    """So that what is remembered does not grow."""
    memory = Memory()
    memory.look(0, alert())
    memory.look(1)
    memory.look(24.5)
    assert memory.standing
    memory.look(25.5)
    assert not memory.standing


def test_names_without_number_make_no_messages_without_number() -> None:
    """A sender makes up a model a minute: so many are told in a window, then that there are more."""
    memory = Memory()
    firing: list[Alert] = []
    messages: list[str] = []
    for number in range(1000):
        firing.append(alert(f"model-{number}"))
        messages += memory.look(number / 60, *firing)
    assert len(messages) == MATTERS_OF_A_KIND_MAX + 1
    assert messages[-1] == "fired unpriced_model!more"
    assert memory.look(17, *firing, alert(kind="silence")) == ["fired silence:gpt-x"]
    assert len(memory.standing) == MATTERS_OF_A_KIND_MAX + 2


def test_keys_of_different_matters_differ() -> None:
    """Wherever the separators stand, and however long the names are."""
    parts = [("a", "b"), ("a/b",), ("a/b", ""), ("", "a/b"), ("a%2Fb",), ("x" * 500,), ("x" * 501,), ("é",)]
    keys = [key_of("silence", *each) for each in parts]
    assert len(set(keys)) == len(keys)
    assert max(map(len, keys)) <= KEY_CHARS_MAX
    assert key_of("unpriced_model", "openai", "gpt-x:1") == "unpriced_model:openai/gpt-x:1"
