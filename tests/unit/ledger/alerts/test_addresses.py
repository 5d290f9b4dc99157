import pytest

from spanledger.ledger.alerts.addresses import refusal

PUBLIC = ("93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1")
OUR_OWN = ("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.31.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1")
NEVER = (
    "169.254.169.254",
    "169.254.1.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "0.0.0.0",  # noqa: S104 (judged, not bound)
    "0.1.2.3",
    "::",
    "::ffff:0.0.0.0",
    "224.0.0.1",
    "ff02::1",
    "240.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "192.0.2.1",
    "203.0.113.7",
    "2001:db8::1",
    "fec0::1",
    "64:ff9b:1::1",
    "2001:0:7f00:1::1",
    "not an address",
    "",
)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_connected_to(address: str) -> None:
    """Whichever form it is in."""
    assert refusal(address, is_internal=False) == ""


@pytest.mark.parametrize(
    "address", [*OUR_OWN, "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]
)
def test_a_private_address_needs_a_host_that_is_named(address: str) -> None:
    """Loopback, private ranges and carriers' ranges of either version, and inside one another."""
    assert refusal(address, is_internal=False) == "is private or this machine"
    assert refusal(address, is_internal=True) == ""


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_connected_to(address: str) -> None:
    """Not even for a host that is named: metadata services, link-local, multicast, reserved, and what is none."""
    assert refusal(address, is_internal=False)
    assert refusal(address, is_internal=True)
