"""What each API's answers mean. One module a provider; each reads names and counts, and skips everything else."""

from collections.abc import Mapping
from typing import Final

from spanledger.instrumentation.wire.apis.anthropic import MESSAGES
from spanledger.instrumentation.wire.apis.api import Api
from spanledger.instrumentation.wire.apis.bedrock import CONVERSE, INVOKE
from spanledger.instrumentation.wire.apis.cohere import COHERE_CHAT, COHERE_EMBED, COHERE_RERANK
from spanledger.instrumentation.wire.apis.google import EMBED, GENERATE, PREDICT
from spanledger.instrumentation.wire.apis.mistral import OCR
from spanledger.instrumentation.wire.apis.openai import CHAT, EMBEDDINGS, IMAGES, MODERATIONS, SPEECH, TRANSCRIPTIONS
from spanledger.instrumentation.wire.apis.realtime import REALTIME
from spanledger.instrumentation.wire.apis.responses import RESPONSES

APIS: Final[Mapping[str, Api]] = {
    "anthropic.messages": MESSAGES,
    "bedrock.converse": CONVERSE,
    "bedrock.invoke": INVOKE,
    "cohere.chat": COHERE_CHAT,
    "cohere.embed": COHERE_EMBED,
    "cohere.rerank": COHERE_RERANK,
    "google.embed": EMBED,
    "google.generate": GENERATE,
    "google.predict": PREDICT,
    "mistral.ocr": OCR,
    "openai.chat": CHAT,
    "openai.completions": CHAT,
    "openai.embeddings": EMBEDDINGS,
    "openai.images": IMAGES,
    "openai.moderations": MODERATIONS,
    "openai.realtime": REALTIME,
    "openai.responses": RESPONSES,
    "openai.speech": SPEECH,
    "openai.transcriptions": TRANSCRIPTIONS,
}

__all__ = ["APIS", "Api"]
