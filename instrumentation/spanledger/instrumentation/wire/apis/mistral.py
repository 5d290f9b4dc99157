"""Mistral's document reader, which is paid by the page; its completions are OpenAI's."""

from typing import Final

import msgspec

from spanledger.instrumentation.wire.answer import Answer, part
from spanledger.instrumentation.wire.apis.api import Api
from spanledger.schemas import units as u


class _Read(msgspec.Struct):
    model: object = None
    usage_info: object = None


_read: Final = msgspec.json.Decoder(_Read).decode


def _pages(body: bytes, answer: Answer) -> None:
    said = _read(body)
    answer.identify(None, said.model)
    answer.counted(u.INPUT_DOCUMENT_PAGES, part(said.usage_info, "pages_processed"))
    answer.final = bool(answer.usage)


OCR: Final = Api(body=_pages, event=_pages)
