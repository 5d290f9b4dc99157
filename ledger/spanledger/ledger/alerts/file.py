"""The alerts file: YAML → `AlertSettings`. Each mistake is one sentence with its line, and refuses the whole file."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from spanledger.exporter.rate.faults import Fault, FieldError
from spanledger.exporter.rate.fields import flag, listed, mapped, whole
from spanledger.exporter.rate.yaml_tree import Text, Tree, tree_of
from spanledger.ledger.alerts.channel_values import Secrets, channel_of, internal_host
from spanledger.ledger.alerts.rule_values import anomaly, lag, quarantine, silence, switch, unpriced, zone
from spanledger.ledger.alerts.settings import (
    AlertSettings,
    AnomalyRule,
    Channel,
    LagRule,
    QuarantineRule,
    Rules,
    SilenceRule,
    UnpricedRule,
)
from spanledger.schemas import ConfigurationError

FILE_BYTES_MAX: Final = 1024 * 1024
CHANNELS_MAX: Final = 50
"""Each has a thread."""

_TOP: Final = ("channels", "rules", "evaluate_seconds", "repeat_hours", "resolved", "tz", "internal_hosts")

_Read = TypeVar("_Read")


class AlertFileError(ConfigurationError):
    """The alerts file is refused; the message has a line for each mistake."""


def read_alerts(file: Path, environ: Mapping[str, str]) -> AlertSettings:
    """Read a file, and the secrets that it names. Raises `ConfigurationError`."""
    try:
        with file.open("rb") as stream:
            content = stream.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        msg = f"the alerts file {file} cannot be read: {error.strerror}"
        raise ConfigurationError(msg) from error
    if len(content) > FILE_BYTES_MAX:
        msg = f"the alerts file {file} is larger than {FILE_BYTES_MAX} bytes"
        raise ConfigurationError(msg)
    return _Reading(file, environ).settings(content.decode(errors="replace"))


class _Reading:
    """One file, and what was found wrong with it so far."""

    def __init__(self, file: Path, environ: Mapping[str, str]) -> None:
        self._file = file
        self._secrets = Secrets(file.parent, environ)
        self._faults: list[Fault] = []

    def settings(self, text: str) -> AlertSettings:
        """All of it. Raises `AlertFileError` with every mistake."""
        top = self._read(lambda: mapped(tree_of(text), "the file", _TOP))
        if top is None:
            raise self._error()
        unless = AlertSettings(channels=())
        hosts = self._each(top, "internal_hosts", internal_host)
        settings = AlertSettings(
            channels=(),
            rules=self._rules(top.get("rules")),
            evaluate_s=self._whole(top, "evaluate_seconds", unless.evaluate_s, 3600),
            repeat_s=self._whole(top, "repeat_hours", unless.repeat_s // 3600, 24 * 31) * 3600,
            resolved=self._value(top, "resolved", flag, default=False),
            tz=self._value(top, "tz", zone, default=unless.tz),
            internal_hosts=frozenset(hosts),
        )
        channels = self._channels(top, settings)
        if self._faults:
            raise self._error()
        return replace(settings, channels=channels)

    def _rules(self, tree: Tree | None) -> Rules:
        given = self._read(lambda: mapped(tree, "rules", Rules.__slots__)) if tree is not None else None
        given = given or {}
        is_watched = self._value(given, "budget_threshold", switch, default=True)
        return Rules(
            budget_threshold=is_watched,
            anomaly=self._rule(given, "anomaly", anomaly, AnomalyRule()),
            unpriced_model=self._rule(given, "unpriced_model", unpriced, UnpricedRule()),
            silence=self._rule(given, "silence", silence, SilenceRule()),
            journal_lag=self._rule(given, "journal_lag", lag, LagRule()),
            quarantine=self._rule(given, "quarantine", quarantine, QuarantineRule()),
        )

    def _rule(self, given: Mapping[str, Tree], name: str, read: Callable[[Tree], _Read], unless: _Read) -> _Read | None:
        tree = given.get(name)
        if tree is None:
            return unless
        if isinstance(tree, Text):
            return unless if self._value(given, name, switch, default=True) else None
        return self._read(lambda: read(tree))

    def _channels(self, top: Mapping[str, Tree], settings: AlertSettings) -> tuple[Channel, ...]:
        if "channels" not in top:
            self._fault(FieldError(0, "channels is missing: a list of where alerts go"))
            return ()
        given = self._read(lambda: listed(top["channels"], "channels")) or ()
        if len(given) > CHANNELS_MAX:
            self._fault(FieldError(top["channels"].line, f"channels may be {CHANNELS_MAX} at most"))
            return ()
        channels: dict[str, Channel] = {}
        for tree in given:
            channel = self._read(lambda tree=tree: channel_of(tree, settings, self._secrets))
            if channel is not None and channel.name in channels:
                self._fault(FieldError(tree.line, f"there are two channels {channel.name}"))
            elif channel is not None:
                channels[channel.name] = channel
        return tuple(channels.values())

    def _whole(self, given: Mapping[str, Tree], key: str, default: int, most: int) -> int:
        return self._value(given, key, lambda tree, what: whole(tree, what, most), default=default)

    def _each(self, given: Mapping[str, Tree], key: str, read: Callable[[Tree, str], _Read]) -> list[_Read]:
        trees = self._read(lambda: listed(given[key], key)) if key in given else ()
        read_each = [self._read(lambda tree=tree: read(tree, key)) for tree in trees or ()]
        return [each for each in read_each if each is not None]

    def _value(
        self, given: Mapping[str, Tree], key: str, read: Callable[[Tree, str], _Read], *, default: _Read
    ) -> _Read:
        found = self._read(lambda: read(given[key], key)) if key in given else None
        return default if found is None else found

    def _read(self, read: Callable[[], _Read]) -> _Read | None:
        """What can be read; None, and a fault noted, where it cannot."""
        try:
            return read()
        except FieldError as error:
            self._fault(error)
            return None

    def _error(self) -> AlertFileError:
        return AlertFileError("\n".join(map(str, self._faults)))

    def _fault(self, error: FieldError) -> None:
        self._faults.append(Fault(str(self._file), error.line, error.reason))
