"""Decisions before a call by an Open Policy Agent server: what it is told, what it answers, what when it is away.

document.py   what is known of a call → the input of a policy
opa.py        one question to the server, and its answer
"""

from spanledger.ledger.policy.document import document_of
from spanledger.ledger.policy.opa import OpaSettings, PolicyServer, read_opa

__all__ = ["OpaSettings", "PolicyServer", "document_of", "read_opa"]
