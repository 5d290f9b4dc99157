"""The two ways a request can fail, and nothing else: permanent (say why, count it) or transient (come back).

The doors (`receiver`) translate them in one table each; an exception that is neither is a bug of ours and is
answered as transient, because a sender drops its data on anything else (OTLP 1.11, "Failures").
"""


class Refused(Exception):
    """A request that is not accepted; the message is for the sender's developer."""


class Permanent(Refused):
    """Sending the same again will not help: the body cannot be decoded as a whole."""


class TooLarge(Permanent):
    """Over a declared limit of bytes, inflated bytes or elements."""


class Transient(Refused):
    """Nothing is wrong with the request; the journal cannot take it now. The sender should retry."""


class Throttled(Transient):
    """One sender, or one tenant, is over its rate: it should come back later, and nobody else is affected."""


class Unauthenticated(Refused):
    """Nobody we know: the credential is missing, wrong, expired or revoked. Never said while we cannot tell."""


class Denied(Refused):
    """Somebody we know, who may not do this."""
