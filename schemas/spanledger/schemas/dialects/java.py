"""Java's frameworks over Micrometer: every value is a string, `none` where there is none.

Spring AI (`DefaultChatModelObservationConvention`) and LangChain4j pass on the provider's own counts, so Anthropic's
and Bedrock's input is without the cache; nobody recorded them, so such a reading is an assumption. The span of Spring
AI's `ChatClient` has the operation `framework`.
"""

from typing import Final

import msgspec

from spanledger.schemas.dialects.semconv import SEMCONV

_PROVIDERS: Final = {
    **SEMCONV.providers,
    "spring_ai": "",
    "bedrock_converse": "aws.bedrock",
    "azure-openai": "azure.ai.openai",
    "google_genai_ai": "gcp.gemini",
}

SPRING_AI: Final = msgspec.structs.replace(
    SEMCONV,
    name="spring_ai",
    # Spring Boot and Quarkus name their tracers so; Camel's and LangChain4j's spans come through them too.
    scopes=(
        "org.springframework",
        "io.micrometer",
        "org.apache.camel",
        "io.quarkus",
        "io.quarkiverse",
        "dev.langchain4j",
    ),
    marks=("spring.ai.kind",),
    mark_prefixes=("langchain4j.",),
    operations={"framework": "chain"},
    providers=_PROVIDERS,
    exclusive_for=frozenset({"anthropic", "aws.bedrock"}),
)
