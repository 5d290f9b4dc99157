"""Names under which a server of one machine is asked."""

import pytest

from spanledger.ledger.api.hosts import is_own


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8318",
        "127.0.0.1",
        "127.1.2.3:80",
        "[::1]:8318",
        "[::ffff:127.0.0.1]:1",
        "localhost",
        "LOCALHOST:8318",
        "localhost.:8318",
        "ledger.localhost:8318",
        "my-machine:8318",
        "",
    ],
)
def test_a_name_of_this_machine_is_its_own(host: str) -> None:
    """With any port, in any case; what is no browser may leave it out."""
    assert is_own(host, "My-Machine")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8318",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8318",
        "notlocalhost",
        "10.0.0.1:8318",
        "0.0.0.0:1",
        "[fe80::1]:8318",
        "localhost@evil.example",
        "user@127.0.0.1",
        "127.0.0.1/evil.example",
        "localhost#evil",
        "localhost:port",
        "localhost:99999",
        "[::1",
        " ",
        "2130706433",
        "evil.example:8318, 127.0.0.1",
    ],
)
def test_every_other_name_is_a_stranger_s(host: str) -> None:
    """Also those that only look like ours, and what is no name at all."""
    assert not is_own(host, "my-machine")
