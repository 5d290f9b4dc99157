"""The page that people look at: files, and nothing that asks the ledger. All it shows comes from the API beside it."""

from spanledger.ledger.page.files import Page

__all__ = ["Page"]
