"""How the text of one setting is read. A wrong one raises `ConfigurationError` with its name and what it must be."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from spanledger.schemas import ConfigurationError

# What a digest of 256 bits can use, and what nobody guesses; a file larger than a page is some other file.
SECRET_BYTES_MIN: Final = 32
SECRET_BYTES_MAX: Final = 4096


def first(env: Mapping[str, str], *names: str) -> str:
    """The first of these variables that is set and not empty; empty when none is."""
    return next((env[name] for name in names if env.get(name)), "")


def switch(env: Mapping[str, str], *names: str) -> bool:
    """Yes or no; no when it is not set."""
    text = first(env, *names)
    if (stated := text.strip().lower()) not in {"", "true", "1", "yes", "on", "false", "0", "no", "off"}:
        msg = f"{names[0]} {text!r} must be true or false"
        raise ConfigurationError(msg)
    return stated in {"true", "1", "yes", "on"}


def whole_number(env: Mapping[str, str], name: str, unit: str) -> int:
    """A whole number of `unit`; 0 when it is not set."""
    text = env.get(name, "").strip()
    if text and not (text.isascii() and text.isdigit() and len(text) <= 15):
        msg = f"{name} {text!r} must be a whole number of {unit}"
        raise ConfigurationError(msg)
    return int(text or 0)


def listed(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    """What is separated by commas, without blanks around it."""
    return tuple(part.strip() for part in env.get(name, "").split(",") if part.strip())


def path(env: Mapping[str, str], name: str) -> Path | None:
    """A path, made absolute; None when it is not set. Whether anything is there is for its user to find."""
    text = env.get(name, "").strip()
    return Path(text).expanduser().absolute() if text else None


def secret(env: Mapping[str, str], name: str, bytes_min: int = SECRET_BYTES_MIN) -> bytes:
    """The contents of the file that a setting names, which nobody else may read; empty if it names none."""
    if not (stated := env.get(name, "")):
        return b""
    try:
        with Path(stated).expanduser().open("rb") as file:
            is_shared = os.fstat(file.fileno()).st_mode & (stat.S_IROTH | stat.S_IWOTH)
            held = file.read(SECRET_BYTES_MAX).strip()
    except OSError as error:
        msg = f"{name} {stated!r} cannot be read: {error.strerror}"
        raise ConfigurationError(msg) from error
    if is_shared:
        msg = f"{name} {stated!r} can be read or written by everybody: run chmod 600 on it"
        raise ConfigurationError(msg)
    if len(held) < bytes_min:
        msg = f"{name} {stated!r} must hold at least {bytes_min} bytes, such as openssl rand -hex 32 makes"
        raise ConfigurationError(msg)
    return held
