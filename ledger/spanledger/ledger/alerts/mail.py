"""A notice as an e-mail, and its way by SMTP.

No header can hold a line break: addresses are checked when the file is read, a title is one line, and the library
refuses what is not.
"""

import smtplib
import socket
from contextlib import closing
from email.message import EmailMessage
from email.policy import SMTP
from io import BufferedReader
from typing import Final

from spanledger.ledger.alerts.alert import Notice
from spanledger.ledger.alerts.network import DeliveryError, Network
from spanledger.ledger.alerts.settings import Email
from spanledger.ledger.alerts.wording import figures, headline

REPLY_BYTES_MAX: Final = 64 * 1024
"""Of everything that a server says in one delivery."""
SUBJECT_CHARS_MAX: Final = 200
_READY: Final = 220


def message(target: Email, notice: Notice, message_id: str) -> EmailMessage:
    """The message; its id is the same at every attempt, so that a mailbox may show it once."""
    built = EmailMessage(policy=SMTP)
    built["Subject"] = headline(notice)[:SUBJECT_CHARS_MAX]
    built["From"] = target.sender
    built["To"] = ", ".join(target.recipients)
    built["Date"] = notice.alert.at
    built["Message-ID"] = f"<{message_id}@{target.sender.rpartition('@')[2]}>"
    built["Auto-Submitted"] = "auto-generated"
    built.set_content(f"{notice.alert.text}\n\n{figures(notice.alert)}\n")
    return built


def send(network: Network, target: Email, built: EmailMessage, *, is_internal: bool) -> None:
    """Hand a message over. Raises `DeliveryError`."""
    try:
        plain = network.connect(target.host, target.port, is_internal=is_internal)
        with closing(plain), network.in_time(plain):
            refused = _hand_over(network, target, built, plain)
    except smtplib.SMTPResponseException as error:
        # What the server says beside the number may quote what it was sent.
        msg = f"{target.host} answers {error.smtp_code}"
        raise DeliveryError(msg) from error
    except OSError as error:
        is_told = isinstance(error, smtplib.SMTPNotSupportedError) or not isinstance(error, smtplib.SMTPException)
        said = str(error) if is_told else type(error).__name__
        msg = f"{target.host} does not take it: {said}"
        raise DeliveryError(msg) from error
    if refused:
        msg = f"{target.host} takes it for some recipients and not for {', '.join(refused)}"
        raise DeliveryError(msg, final=True)


def _hand_over(network: Network, target: Email, built: EmailMessage, plain: socket.socket) -> list[str]:
    """The whole conversation; whom the server refused of several."""
    connected = network.context.wrap_socket(plain, server_hostname=target.host) if target.tls == "implicit" else plain
    with closing(connected), closing(_Session(target.host, connected)) as session:
        code, said = session.getreply()
        if code != _READY:
            raise smtplib.SMTPConnectError(code, said)
        if target.tls == "starttls":
            session.starttls(context=network.context)
        if target.user:
            session.login(target.user, target.password)
        refused = session.send_message(built, target.sender, target.recipients)
        session.quit()
    return sorted(refused)


class _Session(smtplib.SMTP):
    """A conversation over a connection that is there already, in which the server may not say much."""

    def __init__(self, host: str, connected: socket.socket) -> None:
        super().__init__(local_hostname=socket.gethostname())
        # The name that a certificate must be for.
        self._host = host
        self.sock = connected

    def getreply(self) -> tuple[int, bytes]:
        """The next reply."""
        if self.file is None and self.sock is not None:
            self.file = _Replies(self.sock.makefile("rb"))
        return super().getreply()


class _Replies:
    """The lines of a server, up to a limit."""

    def __init__(self, stream: BufferedReader) -> None:
        self._stream = stream
        self._left = REPLY_BYTES_MAX

    def readline(self, size: int = -1) -> bytes:
        """The next line. Raises `OSError` once there were too many."""
        line = self._stream.readline(size)
        self._left -= len(line)
        if self._left < 0:
            msg = f"it says more than {REPLY_BYTES_MAX} bytes"
            raise OSError(msg)
        return line

    def close(self) -> None:
        """Let go of the stream; the connection stays."""
        self._stream.close()
