"""A server of reservations, a clock, and guards that ask the server by it."""

from collections.abc import Generator

import pytest
from support.leasing import Clock, Make, maker
from support.reservations import Reservations, reservations


@pytest.fixture
def server() -> Generator[Reservations]:
    """A server with one budget of 5.00 USD."""
    with reservations() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def make(server: Reservations, clock: Clock) -> Make:
    """Makes guards that ask the server."""
    return maker(server, clock)
