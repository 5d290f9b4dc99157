"""Text of strangers, for a terminal: whatever would move the cursor, colour or reorder is shown instead of obeyed."""


def printable(text: str) -> str:
    """The text in one line; control characters, also those of writing directions, as their escapes."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
