"""Of which calls and attempts that a provider answered an instrumentation knows, and with which counts.

The real SDKs call a fake provider on loopback that remembers its answers. Every set-up's spans are read by the ledger's
own decoder, each in its emitter's way of counting, and settled: what is compared is the ledger that each would give.
Ours must be right in everything. `--peers FOLDER` makes an environment with the other instrumentors there (from the
package index, at the versions of the SDKs that are installed here) and measures them on the same calls.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
import venv
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path
from typing import Any, Final, cast

ROOT: Final = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests")]

from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from support.fake_provider import FakeProvider, Plan, fake_provider  # noqa: E402
from support.metered import claims_of  # noqa: E402
from support.sdk import Ended  # noqa: E402
from support.sdk_calls import ABANDONED, Call  # noqa: E402
from support.sdks import RETRYING, SDKS  # noqa: E402

from spanledger.exporter.settle import Charge, Settler, stand  # noqa: E402
from spanledger.instrumentation import instrument, uninstrument  # noqa: E402
from spanledger.schemas import units as u  # noqa: E402

PEERS: Final[dict[str, tuple[str, ...]]] = {
    "official": (
        "opentelemetry-instrumentation-genai-openai",
        "opentelemetry-instrumentation-genai-anthropic",
        "opentelemetry-instrumentation-genai-bedrock",
        "opentelemetry-instrumentation-genai-langchain",
        "opentelemetry-instrumentation-google-genai",
    ),
    "OpenLLMetry": (
        "opentelemetry-instrumentation-anthropic",
        "opentelemetry-instrumentation-bedrock",
        "opentelemetry-instrumentation-cohere",
        "opentelemetry-instrumentation-google-generativeai",
        "opentelemetry-instrumentation-groq",
        "opentelemetry-instrumentation-langchain",
        "opentelemetry-instrumentation-mistralai",
        "opentelemetry-instrumentation-openai",
    ),
    "OpenInference": (
        "openinference-instrumentation-anthropic",
        "openinference-instrumentation-bedrock",
        "openinference-instrumentation-cohere",
        "openinference-instrumentation-google-genai",
        "openinference-instrumentation-groq",
        "openinference-instrumentation-langchain",
        "openinference-instrumentation-litellm",
        "openinference-instrumentation-mistralai",
        "openinference-instrumentation-openai",
    ),
}
OURS: Final = "spanledger"
TOGETHER: Final = "all at once"
MEASURE_SECONDS_MAX: Final = 600
INSTALL_SECONDS_MAX: Final = 1200

_TOTALS: Final = (u.INPUT_TOKENS, u.OUTPUT_TOKENS)
_JSON_MARK: Final = "coverage: "

Scores = dict[str, Counter[str]]


def main() -> None:
    """Measure, check ours, print a table."""
    arguments = _arguments()
    if arguments.measure:
        print(_JSON_MARK + json.dumps(measured(arguments.measure)))
        return
    scores: dict[str, Scores] = {OURS: _in_a_process(sys.executable, OURS)}
    if arguments.peers:
        python = peers_python(arguments.peers)
        scores |= {name: _in_a_process(python, name) for name in (*PEERS, TOGETHER)}
    print(f"{platform.machine()}, Python {platform.python_version()}, ", end="")
    print(", ".join(f"{sdk} {version(sdk)}" for sdk in ("openai", "anthropic", "google-genai", "boto3", "litellm")))
    for line in table(scores):
        print(line)
    for name in {OURS, TOGETHER} & set(scores):
        wrong = {sdk: dict(score) for sdk, score in scores[name].items() if len(set(score.values())) != 1}
        assert not wrong or name == TOGETHER, wrong


def measured(setup: str) -> Scores:
    """The scores of one set-up, SDK by SDK: calls, and how many of them are right in what."""
    # The SDK's own spans would help every set-up alike; they are part of the one that has all.
    os.environ["ANTHROPIC_OPEN_TELEMETRY"] = str(setup == TOGETHER).lower()
    ended = Ended()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(ended)
    if setup == TOGETHER:
        from opentelemetry import trace  # noqa: PLC0415

        trace.set_tracer_provider(tracers)
    scores: Scores = {}
    with fake_provider() as provider:
        os.environ["SPANLEDGER_ENDPOINTS"] = f"{provider.host}=openai,anthropic,gemini,bedrock,cohere,mistral"
        _switch_on(setup, tracers)
        try:
            for sdk, name, call, plans in scenarios():
                provider.truths.clear()
                provider.plans.clear()
                provider.plans.extend(plans)
                score = _score(provider, ended, call)
                scores.setdefault(sdk, Counter()).update(score)
                if score["calls"] * len(score) != sum(score.values()):
                    print(setup, sdk, name, dict(score), file=sys.stderr)
        finally:
            if setup in {OURS, TOGETHER}:
                uninstrument()
    return scores


def scenarios() -> Iterator[tuple[str, str, Call, list[Plan]]]:
    """SDK, name, call, and what the provider shall do."""
    for sdk, calls in SDKS.items():
        for name, call in calls.items():
            yield sdk, name, call, []
        if sdk in RETRYING:
            first = next(iter(calls))
            yield sdk, f"{first}, refused twice", calls[first], [Plan(status=429), Plan(status=500)]
    yield "openai", "chat stream, left", ABANDONED, []


def table(scores: dict[str, Scores]) -> Iterator[str]:
    """Markdown: for each SDK, of how many calls totals, all counts and attempts are right."""
    yield f"| calls of | number | {' | '.join(scores)} |"
    yield f"|---|---|{'---|' * len(scores)}"
    sums: dict[str, Counter[str]] = {name: Counter() for name in scores}
    for sdk in SDKS:
        for name in scores:
            sums[name].update(scores[name][sdk])
        yield _row(sdk, [scores[name][sdk] for name in scores])
    yield _row("**all**", list(sums.values()))


def _row(title: str, cells: list[Counter[str]]) -> str:
    text = " | ".join(f"{each['totals']} / {each['counts']} / {each['attempts']}" for each in cells)
    return f"| {title} | {cells[0]['calls']} | {text} |"


def _score(provider: FakeProvider, ended: Ended, call: Call) -> Counter[str]:
    before = len(ended.spans)
    broken = ""
    try:
        call(provider.url)
    except Exception as error:  # noqa: BLE001 (an instrumentation may break the call: that is a finding)
        broken = repr(error)
        print("broken:", broken[:200], file=sys.stderr)
    charges = _settled(ended, before)
    stated = _summed(charge.claim.usage for charge in charges if charge.claim.usage_source == "provider")
    truth = _summed(each.usage for each in provider.truths)
    if call is ABANDONED:
        # What the provider charges for a stream that is left, nobody was told: right is who does not say a number.
        truth = Counter[str]()
    totals = {unit: truth[unit] for unit in _TOTALS if unit in truth} or dict(truth)
    return Counter(
        calls=1,
        totals=int(not broken and all(stated[unit] == number for unit, number in totals.items()) and bool(charges)),
        counts=int(not broken and stated == truth and bool(charges)),
        attempts=int(not broken and len(charges) == len(provider.truths)),
    )


def _settled(ended: Ended, begin: int) -> list[Charge]:
    """What the ledger would post of the spans since `begin`: charges and attempts."""
    now_ns = time.time_ns()
    claims = [claim for span in ended.spans[begin:] for claim in claims_of(span)]
    return list(Settler().settle([stand(claim, now_ns) for claim in claims], now_ns, close=True).charges)


def _summed(usages: Iterator[dict[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for usage in usages:
        total.update({unit: number for unit, number in usage.items() if number})
    return total


def _switch_on(setup: str, tracers: TracerProvider) -> None:
    packages = [name for peer, names in PEERS.items() if setup in {peer, TOGETHER} for name in names]
    for point in entry_points(group="opentelemetry_instrumentor"):
        if (package := _package(point)) in packages:
            print(f"{setup}: {package} {version(package)}{_refusal(point, tracers)}", file=sys.stderr)
    if setup in {OURS, TOGETHER}:
        instrument(tracer_provider=tracers)


def _refusal(point: EntryPoint, tracers: TracerProvider) -> str:
    """Switch one on, as auto-instrumentation does; what it says if it cannot."""
    try:
        instrumentor = cast("Callable[[], Any]", point.load())()
        instrumentor.instrument(tracer_provider=tracers)
    except ImportError as error:
        return f" does not load: {error}"
    return "" if instrumentor.is_instrumented_by_opentelemetry else " refuses the version of its SDK"


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else ""


def _in_a_process(python: str, setup: str) -> Scores:
    command = [python, __file__, "--measure", setup]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=MEASURE_SECONDS_MAX)
    (line,) = (each for each in done.stdout.splitlines() if each.startswith(_JSON_MARK))
    found: dict[str, dict[str, int]] = json.loads(line.removeprefix(_JSON_MARK))
    return {sdk: Counter(score) for sdk, score in found.items()}


def peers_python(folder: Path) -> str:
    """The interpreter of an environment in which the peers are installed beside what is installed here."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        # What is installed here, and the project itself, which is installed as folders.
        here = [path for path in sys.path if path.endswith("site-packages") or ROOT in Path(path).parents]
        (site,) = folder.glob("**/site-packages")
        (site / "here.pth").write_text("\n".join(here))
        pins = re.findall(r"^([\w.-]+==[^ ;\\]+)", (ROOT / "requirements" / "dev.txt").read_text(), re.MULTILINE)
        (folder / "pins.txt").write_text("\n".join(pins))
        pip = [str(python), "-m", "pip", "install", "--quiet", "--constraint", str(folder / "pins.txt")]
        packages = [name for names in PEERS.values() for name in names]
        subprocess.run([*pip, *packages], check=True, timeout=INSTALL_SECONDS_MAX)
    return str(python)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path, help="a folder for the environment of the other instrumentors")
    parser.add_argument("--measure", choices=(OURS, *PEERS, TOGETHER), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
