"""Channels over real sockets: HTTPS with certificates, SMTP with STARTTLS, and everything that must not be reached."""

import json
import socket
import ssl
import threading
from base64 import b64encode
from hashlib import sha256
from hmac import digest

import pytest
from cryptography import x509
from support.alerting import HOST, alert, at_loopback, mailing, notice, taking
from support.certificates import Authority, Signed
from support.ledger_events import NOON_NS

from spanledger.ledger.alerts.alert import Notice, word
from spanledger.ledger.alerts.network import DeliveryError, Network
from spanledger.ledger.alerts.sending import Send, sender
from spanledger.ledger.alerts.settings import AlertSettings, Channel, Email, Slack, Target, Tls, Url, Wanted, Webhook

NOW_S = NOON_NS // 10**9
SECRET = b"s" * 32
ID = "msg_0123"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the servers' certificates."""
    return Authority(tmp_path_factory.mktemp("alerts"), "authority")


@pytest.fixture(scope="module")
def signed(authority: Authority) -> Signed:
    """A certificate for the name that channels have, not for an address."""
    return authority.sign("hooks", x509.DNSName(HOST))


@pytest.fixture(scope="module")
def trusting(authority: Authority) -> ssl.SSLContext:
    """A context that knows the authority."""
    return ssl.create_default_context(cafile=str(authority.file))


def way(target: Target, network: Network, *internal: str) -> Send:
    """How a notice gets to a target, where some hosts are our own."""
    settings = AlertSettings(channels=(), internal_hosts=frozenset(internal))
    return sender(Channel(name="a", wanted=Wanted(), target=target), settings, network)


def webhook(port: int, *, https: bool = False, host: str = HOST) -> Webhook:
    """A webhook at a port of this machine."""
    return Webhook(url=Url(https=https, host=host, port=port, target="/in?a=b"), secrets=(SECRET,))


def email(port: int, tls: Tls = "starttls", user: str = "", password: str = "") -> Email:
    """A mailbox at a port of this machine."""
    to = ("ops@example.com", "finance@example.com")
    return Email(
        host=HOST, port=port, sender="ledger@example.com", recipients=to, tls=tls, user=user, password=password
    )


def test_a_webhook_is_signed_over_tls(signed: Signed, trusting: ssl.SSLContext) -> None:
    """The name is looked up once, here to this machine, the certificate is for the name, and the signature holds."""
    with taking(signed) as taken:
        way(webhook(taken.port, https=True), at_loopback(trusting), HOST)(ID, notice(), NOW_S)
    ((path, headers, body),) = taken.requests
    assert path == "/in?a=b"
    assert headers["host"] == f"{HOST}:{taken.port}"
    assert json.loads(body)["type"] == "alert.fired"
    signature = b64encode(digest(SECRET, f"{ID}.{NOW_S}.".encode() + body, sha256)).decode()
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (ID, str(NOW_S))
    assert headers["webhook-signature"] == f"v1,{signature}"
    assert not any(SECRET.decode() in value for value in headers.values())


def test_a_certificate_for_somebody_else_gets_nothing(authority: Authority, trusting: ssl.SSLContext) -> None:
    """Nor does one that an unknown authority signed: not a byte of the request is sent."""
    other = authority.sign("other", x509.DNSName("other.example.com"))
    for context in (trusting, ssl.create_default_context()):
        with taking(other) as taken:
            with pytest.raises(DeliveryError, match=r"hooks\.example\.com does not answer: .*certificate"):
                way(webhook(taken.port, https=True), at_loopback(context), HOST)(ID, notice(), NOW_S)
            assert taken.requests == []


def test_an_address_of_this_machine_needs_a_host_that_is_named() -> None:
    """The name is public, what it resolves to is not: nobody is connected to."""
    with listening() as (port, connected):
        for host in (HOST, "127.0.0.1", "localhost", "2130706433", "0x7f.1"):
            network = at_loopback() if host == HOST else Network()
            with pytest.raises(DeliveryError, match="is private or this machine: not connected to"):
                way(webhook(port, host=host), network, "another.example.com")(ID, notice(), NOW_S)
            mail = Email(host=host, port=port, sender="a@b.c", recipients=("d@e.f",))
            with pytest.raises(DeliveryError, match="is private or this machine: not connected to"):
                way(mail, network)(ID, notice(), NOW_S)
        assert not connected.is_set()


def test_a_name_that_resolves_otherwise_the_second_time_gains_nothing() -> None:
    """It is asked once for each attempt, and what was judged is what is connected to."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"], ["127.0.0.1", "169.254.169.254"]])
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    with taking() as taken:
        send = way(webhook(taken.port), Network(resolve=resolve), HOST)
        send(ID, notice(), NOW_S)
        assert (asked, len(taken.requests)) == ([HOST], 1)
        for attempt in (2, 3):
            with pytest.raises(DeliveryError, match=r"is at 169\.254\.169\.254, which is a metadata service"):
                send(ID, notice(), NOW_S)
            assert (len(asked), len(taken.requests)) == (attempt, 1)


def test_no_redirect_is_followed() -> None:
    """Wherever it leads: the second server hears nothing."""
    with taking() as second:
        for status in (301, 302, 303, 307, 308):
            with taking(answers=[(status, {"location": f"http://127.0.0.1:{second.port}/"})]) as first:
                with pytest.raises(DeliveryError, match=f"answers {status}: redirects are not followed"):
                    way(webhook(first.port), at_loopback(), HOST)(ID, notice(), NOW_S)
                assert len(first.requests) == 1
        assert second.requests == []


def test_answers_say_whether_and_when_to_come_again() -> None:
    """410 ends it, `Retry-After` is heeded within an hour, everything else is tried again."""
    says: list[tuple[int, dict[str, str]]] = [
        (410, {}),
        (429, {"retry-after": "30"}),
        (503, {"retry-after": "999999"}),
        (500, {}),
        (404, {}),
    ]
    failures: list[DeliveryError] = []
    with taking(answers=says) as taken:
        for _ in says:
            with pytest.raises(DeliveryError) as caught:
                way(webhook(taken.port), at_loopback(), HOST)(ID, notice(), NOW_S)
            failures.append(caught.value)
    assert [(each.final, each.again_s) for each in failures] == [
        (True, None),
        (False, 30),
        (False, 3600),
        (False, None),
        (False, None),
    ]


@pytest.mark.parametrize("dripped", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nx: "])
def test_an_answer_has_its_time(dripped: bytes) -> None:
    """Who says nothing, or a byte now and then, is left when the time is over."""
    with listening(dripped, then=b"y") as (port, connected):
        network = at_loopback(exchange_s=0.3)
        with pytest.raises(DeliveryError, match=r"no answer within 0\.3 s"):
            way(webhook(port), network, HOST)(ID, notice(), NOW_S)
        assert connected.is_set()


def test_a_greeting_has_its_time() -> None:
    """A server that says nothing is left in TLS and in SMTP alike."""
    with listening() as (port, _):
        network = at_loopback(exchange_s=0.3)
        for target in (webhook(port, https=True), email(port), email(port, tls="implicit")):
            with pytest.raises(DeliveryError, match=r"no answer within 0\.3 s"):
                way(target, network, HOST)(ID, notice(), NOW_S)


def test_of_an_endless_answer_little_is_read() -> None:
    """A yes is a yes, however much follows it."""
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    with listening(head, then=b"fffff\r\n" + b"y" * 0xFFFFF + b"\r\n", pause_s=0) as (port, _):
        way(webhook(port), at_loopback(), HOST)(ID, notice(), NOW_S)


def test_a_head_without_end_is_a_failure() -> None:
    """The library bounds it."""
    endless = listening(b"HTTP/1.1 200 OK\r\n", then=b"x: " + b"y" * 1000 + b"\r\n", pause_s=0)
    with endless as (port, _), pytest.raises(DeliveryError, match="does not answer: HTTPException"):
        way(webhook(port), at_loopback(), HOST)(ID, notice(), NOW_S)


def test_slack_is_sent_its_message(signed: Signed, trusting: ssl.SSLContext) -> None:
    """To the URL that is its secret, which no failure quotes."""
    with taking(signed, answers=[(200, {}), (404, {})]) as taken:
        target = Slack(url=Url(https=True, host=HOST, port=taken.port, target="/services/canary"))
        send = way(target, at_loopback(trusting), HOST)
        send(ID, notice(), NOW_S)
        with pytest.raises(DeliveryError) as caught:
            send(ID, notice(), NOW_S)
    path, headers, body = taken.requests[0]
    assert (path, headers["content-type"]) == ("/services/canary", "application/json")
    assert json.loads(body)["text"] == "[spanledger critical] no price for gpt-x"
    assert "canary" not in str(caught.value)


def test_an_email_goes_through_starttls_and_a_login(signed: Signed, trusting: ssl.SSLContext) -> None:
    """To everybody at once, under an id that is the same at each attempt."""
    with mailing(signed, password="correct") as mailbox:
        target = email(mailbox.port, user="u", password="correct")
        way(target, at_loopback(trusting), HOST)(ID, notice(title="Größe: 3 €"), NOW_S)
        wrong = email(mailbox.port, user="u", password="canary")
        with pytest.raises(DeliveryError, match=r"^hooks\.example\.com answers 535$"):
            way(wrong, at_loopback(trusting), HOST)(ID, notice(), NOW_S)
    ((sender_address, recipients, message),) = mailbox.messages
    assert sender_address == "ledger@example.com"
    assert recipients == ["ops@example.com", "finance@example.com"]
    assert message["subject"] == "[spanledger critical] Größe: 3 €"
    assert message["message-id"] == f"<{ID}@example.com>"
    assert message["to"] == "ops@example.com, finance@example.com"
    assert message.get_content().replace("\r\n", "\n").startswith("It has none.\n\nkey: unpriced_model:gpt-x\n")


def test_an_email_is_not_sent_in_the_clear() -> None:
    """A server that offers no STARTTLS gets no message, unless the file says so for a host of our own."""
    with mailing() as mailbox:
        with pytest.raises(DeliveryError, match="STARTTLS extension not supported"):
            way(email(mailbox.port), at_loopback(), HOST)(ID, notice(), NOW_S)
        assert mailbox.messages == []
        way(email(mailbox.port, tls="none"), at_loopback(), HOST)(ID, notice(), NOW_S)
        assert len(mailbox.messages) == 1


def test_a_mail_servers_certificate_must_be_for_its_name(authority: Authority, trusting: ssl.SSLContext) -> None:
    """Another one gets neither password nor message."""
    with mailing(authority.sign("mail", x509.DNSName("other.example.com"))) as mailbox:
        with pytest.raises(DeliveryError, match="certificate"):
            way(email(mailbox.port), at_loopback(trusting), HOST)(ID, notice(), NOW_S)
        assert mailbox.messages == []


@pytest.mark.parametrize(
    "line", ["\r\nBcc: evil@example.com", "\nBcc: evil@example.com", "\r\n\r\nbody", "\u2028x", "\x00"]
)
def test_no_name_makes_a_header(line: str) -> None:
    """A model's name with line breaks is one line when it becomes a title; a title that had some would not be sent."""
    hostile = f"gpt{line}"
    with mailing() as mailbox:
        send = way(email(mailbox.port, tls="none"), at_loopback(), HOST)
        send(ID, notice(title=word(hostile), text=word(hostile)), NOW_S)
        ((_, recipients, message),) = mailbox.messages
        assert "evil@example.com" not in recipients
        assert sorted(message.keys()) == sorted({*message.keys()})
        assert "bcc" not in {name.lower() for name in message.keys()}  # noqa: SIM118 (a message is no mapping)
        if "\n" in line:
            with pytest.raises(ValueError, match="Header values may not contain linefeed or carriage return"):
                send(ID, Notice("fired", alert(title=hostile)), NOW_S)
        assert len(mailbox.messages) == 1


def test_recipients_that_a_server_does_not_know_are_told() -> None:
    """The others have the message, so it is not sent to them again."""
    with mailing(refuses=frozenset({"ops@example.com"})) as mailbox:
        with pytest.raises(DeliveryError, match=r"not for ops@example\.com") as caught:
            way(email(mailbox.port, tls="none"), at_loopback(), HOST)(ID, notice(), NOW_S)
        assert caught.value.final
        assert [recipients for _, recipients, _ in mailbox.messages] == [["finance@example.com"]]


def test_a_mail_server_that_never_stops_talking_is_left() -> None:
    """After so many bytes, not when memory is full."""
    talking = listening(b"", then=b"220-hello\r\n" * 1000, pause_s=0, after_request=False)
    with talking as (port, _), pytest.raises(DeliveryError, match="does not take it: "):
        way(email(port, tls="none"), at_loopback(), HOST)(ID, notice(), NOW_S)


class listening:  # noqa: N801 (used as a function is)
    """A server that answers each connection with some bytes, then others again and again."""

    def __init__(
        self, first: bytes = b"", then: bytes = b"", pause_s: float = 0.05, *, after_request: bool = True
    ) -> None:
        self._first, self._then, self._pause_s = first, then, pause_s
        self._after_request = after_request
        self._connected, self._over = threading.Event(), threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> tuple[int, threading.Event]:
        self._thread.start()
        return self._socket.getsockname()[1], self._connected

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with socket.socket() as last:
            last.connect(self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                if self._over.is_set():
                    return
                self._connected.set()
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        try:
            if self._after_request:
                connection.recv(65536)
            connection.sendall(self._first)
            while not self._over.wait(self._pause_s):
                connection.sendall(self._then)
        except OSError:
            return
