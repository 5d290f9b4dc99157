"""Public errors. Every one says in a sentence what is wrong and what to do; `exit_code` is the command's.

SpanledgerError
├── ConfigurationError        2   a setting or argument is wrong
├── StoreError                1   the store answered, and refused
│   └── NewerSchemaError      2   the store was written by a newer spanledger
└── StoreUnavailableError     3   the store or server cannot be reached now; trying again may help
    └── StoreLockedError      3   another process holds the embedded store
"""


class SpanledgerError(Exception):
    """The root of every error spanledger raises on purpose."""

    exit_code = 1


class ConfigurationError(SpanledgerError):
    """A setting or argument is wrong; the message names it and the cure."""

    exit_code = 2


class StoreError(SpanledgerError):
    """The store answered and refused; sending the same again will not help."""


class NewerSchemaError(StoreError):
    """The store's schema is newer than this program knows; upgrade spanledger."""

    exit_code = 2


class StoreUnavailableError(SpanledgerError):
    """The store or server cannot be reached now; the same call may succeed later."""

    exit_code = 3


class StoreLockedError(StoreUnavailableError):
    """Another process holds the embedded store; the message names it and how to reach it."""
