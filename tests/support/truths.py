"""What was metered against what was answered."""

from support.fake_provider import FakeProvider
from support.metered import Metered

from spanledger.schemas import attributes as a


def assert_metered(provider: FakeProvider, metered: Metered) -> None:
    """Attempt by attempt, in order: usage, id, model, tier and finish reasons are the provider's."""
    claims = metered.claims()
    assert len(claims) == len(provider.truths), [span.name for span in metered.spans]
    for span, claim, truth in zip(metered.spans, claims, provider.truths, strict=True):
        assert claim.usage == truth.usage, f"{claim.usage} of {truth.usage}"
        assert (claim.response_id, claim.call.response_model) == (truth.response_id, truth.model)
        assert claim.call.service_tier == truth.tier
        assert claim.usage_source == "provider"
        assert claim.status == "ok"
        assert (span.attributes or {}).get(a.FINISH_REASONS, ()) == truth.finish
        assert claim.call.dialect == "wire"
