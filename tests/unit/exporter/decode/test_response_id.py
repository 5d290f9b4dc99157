"""A gateway's wrapped response id is the provider's, so that both sides of the gateway are one charge."""

from base64 import b64encode

import pytest

from spanledger.exporter.decode.response_id import unwrapped

_TEXT = "litellm:custom_llm_provider:openai;model_id:None;response_id:resp_000964fe"


def _wrapped(text: str) -> str:
    return "resp_" + b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("stated", "provider"),
    [
        (_wrapped(_TEXT), "resp_000964fe"),
        (_wrapped(_TEXT).rstrip("="), "resp_000964fe"),
        ("resp_000964fe", "resp_000964fe"),
        ("chatcmpl-1", "chatcmpl-1"),
        ("", ""),
    ],
)
def test_a_wrapped_id_is_the_id_inside(stated: str, provider: str) -> None:
    """With and without padding; any other id is itself."""
    assert unwrapped(stated) == provider


@pytest.mark.parametrize(
    "stated",
    [
        _wrapped("litellm:custom_llm_provider:openai;model_id:None"),
        _wrapped("litellm:response_id"),
        _wrapped("litellm:x;response_id:"),
        "resp_bGl0ZWxsbTp!!!",
        "resp_bGl0ZWxsbTp/////w",
        "resp_bGl0ZWxsbTp\u20ac",
    ],
)
def test_what_cannot_be_unwrapped_stays(stated: str) -> None:
    """An id is never lost: two spans that state the same wrapped id still meet."""
    assert unwrapped(stated) == stated
