"""What the tests of the wire share: a provider, the meter that is told of it, and what keeps many clients cheap."""

import gc
from collections.abc import Generator
from pathlib import Path

import certifi
import pytest
from support.fake_provider import FakeProvider, fake_provider
from support.metered import Metered, metering

_END = "-----END CERTIFICATE-----\n"


@pytest.fixture(scope="package", autouse=True)
def _one_authority(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """Every client reads the authorities that it trusts when it is made: one, for nothing here is encrypted."""
    trusted = tmp_path_factory.mktemp("trusted") / "one.pem"
    trusted.write_text(Path(certifi.where()).read_text(encoding="utf-8").partition(_END)[0] + _END, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SSL_CERT_FILE", str(trusted))
        yield


@pytest.fixture(scope="module")
def frozen() -> Generator[None]:
    """What is there before the module is no work for its collections: dozens of SDKs make each a second long."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def provider() -> Generator[FakeProvider]:
    """A provider on loopback."""
    with fake_provider() as running:
        yield running


@pytest.fixture
def metered(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> Generator[Metered]:
    """Every instrumentor on, the provider named as a host that speaks every API; our own failures are none."""
    monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{provider.host}=openai,anthropic,gemini,bedrock,cohere,mistral")
    with metering() as running:
        yield running
