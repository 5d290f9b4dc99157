"""Every attribute and baggage name that is read or written, and nothing else: the only place with literals.

OpenTelemetry's names come from its semantic-conventions package where it has them; the names that the
conventions' own repository added since (`open-telemetry/semantic-conventions-genai`) follow as literals.
"""

from typing import Final

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as _gen_ai
from opentelemetry.semconv.attributes import error_attributes as _error
from opentelemetry.semconv.attributes import service_attributes as _service

GEN_AI_PREFIX: Final = "gen_ai."
USAGE_PREFIX: Final = "gen_ai.usage."

OPERATION_NAME: Final = _gen_ai.GEN_AI_OPERATION_NAME
PROVIDER_NAME: Final = _gen_ai.GEN_AI_PROVIDER_NAME
SYSTEM: Final = "gen_ai.system"
REQUEST_MODEL: Final = _gen_ai.GEN_AI_REQUEST_MODEL
RESPONSE_MODEL: Final = _gen_ai.GEN_AI_RESPONSE_MODEL
RESPONSE_ID: Final = _gen_ai.GEN_AI_RESPONSE_ID
CONVERSATION_ID: Final = _gen_ai.GEN_AI_CONVERSATION_ID
AGENT_NAME: Final = _gen_ai.GEN_AI_AGENT_NAME
AGENT_ID: Final = _gen_ai.GEN_AI_AGENT_ID
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
TOOL_NAME: Final = _gen_ai.GEN_AI_TOOL_NAME
REQUEST_STREAM: Final = "gen_ai.request.stream"
FINISH_REASONS: Final = _gen_ai.GEN_AI_RESPONSE_FINISH_REASONS
TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
"""Seconds, as the conventions ask for."""
CLIENT_TIME_TO_FIRST_CHUNK: Final = "gen_ai.client.operation.time_to_first_chunk"
"""The conventions' metric of the same, which some emitters write on spans."""
SERVER_TIME_TO_FIRST_TOKEN: Final = "gen_ai.server.time_to_first_token"  # noqa: S105
"""A metric of the conventions, in seconds; on spans emitters write it in units of their own."""

USAGE_INPUT_TOKENS: Final = _gen_ai.GEN_AI_USAGE_INPUT_TOKENS
USAGE_OUTPUT_TOKENS: Final = _gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS
USAGE_CACHE_READ: Final = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_WRITE: Final = "gen_ai.usage.cache_write.input_tokens"
USAGE_CACHE_CREATION: Final = "gen_ai.usage.cache_creation.input_tokens"
"""The name of `cache_write` in conventions 1.40 to 1.42."""
USAGE_REASONING: Final = "gen_ai.usage.reasoning.output_tokens"
USAGE_PROMPT_TOKENS: Final = "gen_ai.usage.prompt_tokens"
"""The name of `input_tokens` up to conventions 1.26."""
USAGE_COMPLETION_TOKENS: Final = "gen_ai.usage.completion_tokens"
"""The name of `output_tokens` up to conventions 1.26."""
USAGE_TOTAL_TOKENS: Final = "gen_ai.usage.total_tokens"
USAGE_TEXT_INPUT: Final = "gen_ai.usage.text.input_tokens"
USAGE_IMAGE_INPUT: Final = "gen_ai.usage.image.input_tokens"
USAGE_AUDIO_INPUT: Final = "gen_ai.usage.audio.input_tokens"
USAGE_TEXT_OUTPUT: Final = "gen_ai.usage.text.output_tokens"
USAGE_IMAGE_OUTPUT: Final = "gen_ai.usage.image.output_tokens"
USAGE_AUDIO_OUTPUT: Final = "gen_ai.usage.audio.output_tokens"
USAGE_TEXT_CACHE_READ: Final = "gen_ai.usage.text.cache_read.input_tokens"
USAGE_IMAGE_CACHE_READ: Final = "gen_ai.usage.image.cache_read.input_tokens"
USAGE_AUDIO_CACHE_READ: Final = "gen_ai.usage.audio.cache_read.input_tokens"
ANTHROPIC_CACHE_WRITE_5M: Final = "anthropic.usage.cache_creation.ephemeral_5m_input_tokens"
ANTHROPIC_CACHE_WRITE_1H: Final = "anthropic.usage.cache_creation.ephemeral_1h_input_tokens"

OPENAI_RESPONSE_TIER: Final = "openai.response.service_tier"
OPENAI_RESPONSE_TIER_OLD: Final = "gen_ai.openai.response.service_tier"
OPENAI_REQUEST_TIER: Final = "openai.request.service_tier"
ANTHROPIC_RESPONSE_TIER: Final = "anthropic.response.service_tier"
ANTHROPIC_ORGANIZATION: Final = "anthropic.organization.id"
USAGE_COST: Final = "gen_ai.usage.cost"

RETRIEVED_OPERATION: Final = "fetch_response"
"""`GET /responses/{id}`: carries the id of a response that was already billed, and no usage of its own."""

EVENT_NAME: Final = "event.name"
"""The name of an event on log records of SDKs from before `LogRecord.event_name`."""
INFERENCE_DETAILS_EVENT: Final = "gen_ai.client.inference.operation.details"
"""The event that repeats what the span of a call states."""

ERROR_TYPE: Final = _error.ERROR_TYPE
HTTP_RESEND_COUNT: Final = "http.request.resend_count"
HTTP_STATUS_CODE: Final = "http.response.status_code"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
URL_FULL: Final = "url.full"
HTTP_URL: Final = "http.url"
"""The name of `url.full` in HTTP conventions before 1.23."""
NET_PEER_NAME: Final = "net.peer.name"
NET_PEER_PORT: Final = "net.peer.port"

SERVICE_NAME: Final = _service.SERVICE_NAME
SERVICE_INSTANCE_ID: Final = "service.instance.id"
ENVIRONMENT_NAME: Final = "deployment.environment.name"
ENVIRONMENT_OLD: Final = "deployment.environment"
CLOUD_REGION: Final = "cloud.region"
CLOUD_PROVIDER: Final = "cloud.provider"
CLOUD_ACCOUNT_ID: Final = "cloud.account.id"
"""Of a resource: the AWS account, Azure subscription or Google Cloud project that a process runs in."""
SESSION_ID: Final = "session.id"
USER_ID: Final = "user.id"
ENDUSER_ID: Final = "enduser.id"
TENANT_ID: Final = "tenant.id"
GEN_AI_USER: Final = "gen_ai.user"

LEDGER_PREFIX: Final = "ledger."
LEDGER_TENANT: Final = "ledger.tenant"
LEDGER_ENVIRONMENT: Final = "ledger.environment"
LEDGER_USER_ID: Final = "ledger.user_id"
LEDGER_SESSION_ID: Final = "ledger.session_id"
LEDGER_ORGANIZATION_ID: Final = "ledger.organization_id"
LEDGER_FEATURE: Final = "ledger.feature"
LEDGER_TEAM: Final = "ledger.team"
LEDGER_PROJECT: Final = "ledger.project"
LEDGER_COST_CENTER: Final = "ledger.cost_center"
LEDGER_ACCOUNT: Final = "ledger.account"
"""The account with the provider that a call is billed to."""
LEDGER_AGENT: Final = "ledger.agent"
LEDGER_AGENT_PATH: Final = "ledger.agent_path"
"""The agents above a span, outermost first: names joined by `/`, with `/` and `%` in a name percent-encoded."""
LEDGER_WORKFLOW_ID: Final = "ledger.workflow_id"
LEDGER_CONVERSATION_ID: Final = "ledger.conversation_id"
LEDGER_UNITS: Final = "ledger.units"
"""Explicit work: how many of `ledger.unit_type` were used. A whole number."""
LEDGER_UNIT_TYPE: Final = "ledger.unit_type"
LEDGER_OPERATION: Final = "ledger.operation"
LEDGER_SERVICE: Final = "ledger.service"
"""Explicit work: the external service that was used; priced as the provider."""
LEDGER_STATUS: Final = "ledger.status"
LEDGER_COST: Final = "ledger.cost"
"""Explicit work: what it cost in US dollars by the application's own account; kept beside our price, never instead."""
LEDGER_USAGE_PREFIX: Final = "ledger.usage."
"""Before the name of a unit that the conventions have no attribute for (`ledger.usage.web_searches`)."""
LEDGER_USAGE_SOURCE: Final = "ledger.usage_source"
"""`estimated` or `missing`, where the provider did not say what a call used."""
LEDGER_SERVICE_TIER: Final = "ledger.service_tier"
"""Service tier of the response, of a provider for which the conventions have no name."""

LEDGER_RESERVATION_ID: Final = "ledger.reservation_id"
"""The reservation that a call was made under: what it cost is taken from what the reservation holds."""
LEDGER_APPROVAL: Final = "ledger.approval"
"""What a person gave for work that a policy asks to be approved: a ticket, a name. Policies read it."""
LEDGER_DENIED_BY: Final = "ledger.denied_by"
"""On a span of a call that was not let go: `budget:NAME` or `policy:NAME`."""
LEDGER_DENIAL_REASON: Final = "ledger.denial_reason"
"""Why, in a sentence; never a prompt."""

WIRE_SCOPE: Final = "spanledger.instrumentation.wire"
"""The instrumentation scope of spans made of what went over the wire."""
TOKENLEDGER_SCOPE: Final = "spanledger.ledger.tokenledger"
"""The instrumentation scope of spans made of rows of a `token_ledger_events` table."""
USAGE_LEDGER_SCOPE: Final = "spanledger.ledger.371os"
"""The instrumentation scope of spans made of records as `llm_usage.json` holds them."""
LEDGER_TASK_ID: Final = "ledger.task_id"
LEDGER_ANALYTICS: Final = "ledger.analytics"
"""`false`: charged like all else, and told to no sink."""
