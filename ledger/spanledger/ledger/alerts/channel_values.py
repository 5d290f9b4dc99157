"""How a channel of the alerts file is read, and the secrets that it names. What is wrong raises `FieldError`.

No secret, and no URL that may hold one, is ever quoted.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast, get_args
from urllib.parse import urlsplit

from spanledger.exporter.rate.faults import FieldError
from spanledger.exporter.rate.fields import listed, mapped, whole, word
from spanledger.exporter.rate.yaml_tree import Mapped, Text, Tree
from spanledger.exporter.setting_values import secret
from spanledger.ledger.alerts.alert import KINDS, SEVERITIES, Kind, Severity
from spanledger.ledger.alerts.settings import AlertSettings, Channel, Email, Slack, Tls, Url, Wanted, Webhook
from spanledger.schemas import ConfigurationError

RECIPIENTS_MAX: Final = 50
SECRETS_MAX: Final = 4
"""While a secret is being changed there are two."""

_WANTED: Final = ("name", "kind", "kinds", "tenants", "severity")
_KEYS: Final = {
    "webhook": ("url", "url_env", "url_file", "secret_env", "secret_file"),
    "slack": ("url", "url_env", "url_file"),
    "email": ("host", "port", "tls", "from", "to", "user", "password_env", "password_file"),
}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")
_TARGET: Final = re.compile(r"[!-~]*")
# One mailbox as an envelope has it: no display name, no quotes, nothing that could end a line or a list.
_MAILBOX: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
# Standard Webhooks: 24 to 64 bytes, as base64 behind this prefix.
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 (what every one begins with)
_SECRET_BYTES_MIN: Final = 24
_SECRET_BYTES_MAX: Final = 64
_PORTS: Final[dict[Tls, int]] = {"starttls": 587, "implicit": 465, "none": 25}


class Secrets:
    """Where what NAME_env and NAME_file name is found."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ

    def stated(self, tree: Mapped, name: str, bytes_min: int, *, openly: bool = False) -> str:
        """What NAME_env or NAME_file holds, or NAME itself where that may stand `openly`."""
        ways = [f"{name}_file", f"{name}_env", *([name] if openly else [])]
        given = [way for way in ways if way in tree.items]
        if len(given) != 1:
            raise FieldError(tree.line, f"the channel needs one of {', '.join(ways)}")
        value, line = word(tree.items[given[0]], given[0]), tree.items[given[0]].line
        if given[0] == name:
            return value
        if given[0].endswith("_env"):
            if found := self._environ.get(value, "").strip():
                return found
            raise FieldError(line, f"{given[0]} names the variable {value}, which is not set")
        try:
            path = self._folder / Path(value).expanduser()
            return secret({given[0]: str(path)}, given[0], bytes_min).decode(errors="replace")
        except ConfigurationError as error:
            raise FieldError(line, str(error)) from None


def channel_of(tree: Tree, settings: AlertSettings, secrets: Secrets) -> Channel:
    """One channel; `settings` say which hosts are our own."""
    given = mapped(tree, "a channel")
    for key in ("name", "kind"):
        if key not in given:
            raise FieldError(tree.line, f"a channel needs a {key}")
    name, kind = word(given["name"], "name"), word(given["kind"], "kind")
    if not _NAME.fullmatch(name):
        raise FieldError(given["name"].line, f"name {name!r} must be at most 64 letters, digits and ._-")
    if kind not in _KEYS:
        raise FieldError(given["kind"].line, f"kind {kind!r} must be one of {', '.join(_KEYS)}")
    mapped(tree, f"channel {name}", (*_WANTED, *_KEYS[kind]))
    whole_tree = cast("Mapped", tree)
    wanted = _wanted(given)
    match kind:
        case "email":
            return Channel(name=name, wanted=wanted, target=_email(whole_tree, settings, secrets))
        case "slack":
            return Channel(name=name, wanted=wanted, target=Slack(url=_url(whole_tree, settings, secrets)))
        case _:
            keys = _signing_keys(tree.line, secrets.stated(whole_tree, "secret", 32))
            target = Webhook(url=_url(whole_tree, settings, secrets), secrets=keys)
            return Channel(name=name, wanted=wanted, target=target)


def internal_host(tree: Tree, what: str) -> str:
    """`host` or `host:port`, in small letters."""
    text = word(tree, what).lower()
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not _HOST.fullmatch(host) or any(mark in text for mark in "/@?#"):
        raise FieldError(tree.line, f"{what} {text!r} must be a host, or host:port, without a scheme or a path")
    return host if port is None else f"{host}:{port}"


def _wanted(given: Mapping[str, Tree]) -> Wanted:
    kinds = [_one_of(each, "kinds", KINDS[:-1]) for each in _items(given, "kinds")]
    tenants = [word(each, "tenants") for each in _items(given, "tenants")]
    severity = _one_of(given["severity"], "severity", SEVERITIES) if "severity" in given else SEVERITIES[0]
    return Wanted(
        kinds=frozenset(cast("list[Kind]", kinds)),
        tenants=frozenset(tenants),
        severity=cast("Severity", severity),
    )


def _items(given: Mapping[str, Tree], key: str) -> tuple[Tree, ...]:
    return listed(given[key], key) if key in given else ()


def _one_of(tree: Tree, what: str, known: tuple[str, ...]) -> str:
    text = word(tree, what)
    if text not in known:
        raise FieldError(tree.line, f"{what}: {text!r} must be one of {', '.join(known)}")
    return text


def _url(tree: Mapped, settings: AlertSettings, secrets: Secrets) -> Url:
    text = secrets.stated(tree, "url", 1, openly=True)
    try:
        parts = urlsplit(text)
        host, port, is_plain = parts.hostname or "", parts.port, parts.username is None and not parts.fragment
    except ValueError:
        host, port, is_plain = "", None, False
        parts = urlsplit("")
    if (
        not is_plain
        or not _HOST.fullmatch(host)
        or not _TARGET.fullmatch(text)
        or parts.scheme not in {"https", "http"}
    ):
        reason = "url must be https://HOST/PATH, without user, password or blanks (it is not shown: it may be a secret)"
        raise FieldError(tree.line, reason)
    https = parts.scheme == "https"
    port = port or (443 if https else 80)
    if not https and not settings.is_internal(host, port):
        raise FieldError(tree.line, f"url must be https://, unless {host} is in internal_hosts")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(https=https, host=host, port=port, target=target)


def _signing_keys(line: int, text: str) -> tuple[bytes, ...]:
    keys: list[bytes] = []
    for each in text.split():
        try:
            key = b64decode(each.removeprefix(_SECRET_PREFIX), validate=True)
        except (Base64Error, ValueError):
            key = b""
        if not each.startswith(_SECRET_PREFIX) or not _SECRET_BYTES_MIN <= len(key) <= _SECRET_BYTES_MAX:
            reason = (
                f"the secret must be {_SECRET_PREFIX} and {_SECRET_BYTES_MIN} to {_SECRET_BYTES_MAX} bytes in base64"
            )
            raise FieldError(line, f"{reason}: echo {_SECRET_PREFIX}$(openssl rand -base64 32)")
        keys.append(key)
    if not 0 < len(keys) <= SECRETS_MAX:
        raise FieldError(line, f"there may be 1 to {SECRETS_MAX} secrets, one a line")
    return tuple(keys)


def _email(tree: Mapped, settings: AlertSettings, secrets: Secrets) -> Email:
    given = tree.items
    for key in ("host", "from", "to"):
        if key not in given:
            raise FieldError(tree.line, f"a channel of e-mail needs {key}")
    host = word(given["host"], "host")
    if not _HOST.fullmatch(host):
        raise FieldError(given["host"].line, f"host {host!r} is no name of a host")
    tls = cast("Tls", _one_of(given["tls"], "tls", get_args(Tls)) if "tls" in given else "starttls")
    port = whole(given["port"], "port", 65535) if "port" in given else _PORTS[tls]
    user = word(given["user"], "user") if "user" in given else ""
    if bool(user) != any(key in given for key in ("password_env", "password_file")):
        raise FieldError(tree.line, "user and password_file (or password_env) belong together")
    if tls == "none" and (user or not settings.is_internal(host, port)):
        raise FieldError(tree.line, "tls: none is for hosts in internal_hosts, and never with a password")
    to = given["to"]
    recipients = [_mailbox(each, "to") for each in ((to,) if isinstance(to, Text) else listed(to, "to"))]
    if not 0 < len(recipients) <= RECIPIENTS_MAX:
        raise FieldError(to.line, f"to must name 1 to {RECIPIENTS_MAX} addresses")
    password = secrets.stated(tree, "password", 1) if user else ""
    if not f"{user}{password}".isascii():
        # Otherwise told by a message that quotes it, once a notice is to be sent.
        raise FieldError(tree.line, "user and password must be ASCII: SMTP carries no other characters here")
    sender = _mailbox(given["from"], "from")
    return Email(
        host=host, port=port, sender=sender, recipients=tuple(recipients), tls=tls, user=user, password=password
    )


def _mailbox(tree: Tree, what: str) -> str:
    text = word(tree, what)
    if not _MAILBOX.fullmatch(text):
        raise FieldError(tree.line, f"{what} {text!r} must be one plain address, such as ops@example.com")
    return text
