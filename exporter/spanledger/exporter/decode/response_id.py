"""The provider's own id of a response, also where a gateway has wrapped it. Pure.

LiteLLM gives its callers `resp_` and the base64 of `litellm:custom_llm_provider:…;model_id:…;response_id:resp_…`
(`litellm/responses/utils.py`), so that it finds the deployment again. The wrapped id is what everybody else saw.
"""

from base64 import b64decode
from typing import Final

_PREFIX: Final = "resp_"
_WRAPPED: Final = f"{_PREFIX}bGl0ZWxsbTp"
"""`resp_` and the base64 of `litellm:`, as far as it does not depend on what follows."""
_LABEL: Final = "response_id:"


def unwrapped(response_id: str) -> str:
    """The id inside a wrapped one; any other id as it is."""
    if not response_id.startswith(_WRAPPED):
        return response_id
    wrapped = response_id.removeprefix(_PREFIX)
    try:
        text = b64decode(wrapped + "=" * (-len(wrapped) % 4), validate=True).decode()
    except ValueError:
        # Neither base64 nor text, or not even ASCII: it only begins like one.
        return response_id
    fields = (field for field in text.split(";") if field.startswith(_LABEL))
    return next((inner for field in fields if (inner := field.removeprefix(_LABEL))), response_id)
