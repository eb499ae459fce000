"""docs/metrics.md lists the metrics that there are, with their types and labels."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.aggregators.majority import Majority
from app.candidates import Answer, Candidate, Fate, Verdict
from app.diversity.measure import Diversity
from app.job import Job
from app.ledger import account
from app.outcome import Outcome, Timing
from app.price import Price
from app.redis_use import RedisUse
from app.strategies.parallel import Parallel
from app.telemetry.metrics import Metrics
from app.telemetry.summing import Summed, exposition
from app.telemetry.together import ProcessCollector
from app.verifiers.math import MathVerifier
from app.workers.discovery.urls import Urls
from app.workers.worker import Worker
from tests.tools import NoSandbox, unwatched

PAGE = Path(__file__).resolve().parents[1] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(quorum_\w+)` \| (\w+) \| (.*?) \| \S", re.MULTILINE)
LABEL = re.compile(r"`(\w+)`")
INTERNAL = {"le"}


@pytest.fixture
def exposed() -> str:
    pool = unwatched(Worker(id="w0", locate=lambda: "http://127.0.0.1:1"))
    metrics = Metrics(pool, NoSandbox(), [Urls()], [RedisUse("load", meanwhile="")])
    metrics.answered(_outcome())
    metrics.queue_is("m", 1)
    metrics.waited("m", "normal", 0.5)
    metrics.rejected("m")
    own = metrics.expose()
    return exposition(Summed([own]), ProcessCollector(2, {0: own})).decode()


def test_the_page_lists_every_metric_with_its_type(exposed: str) -> None:
    families = [one for one in text_string_to_metric_families(exposed) if not one.name.endswith("_created")]
    real = {f"{one.name}_total" if one.type == "counter" else one.name: one.type for one in families}
    assert {name: kind for name, kind, _ in ROW.findall(PAGE.read_text())} == real


def test_the_page_lists_the_labels_of_every_metric(exposed: str) -> None:
    samples = [sample for family in text_string_to_metric_families(exposed) for sample in family.samples]
    real = {sample.name.removesuffix("_count"): set(sample.labels) - INTERNAL for sample in samples}
    for name, _, labels in ROW.findall(PAGE.read_text()):
        assert set(LABEL.findall(labels)) == real[name], name


def _outcome() -> Outcome:
    """Return a run that touches every metric."""
    strategy = Parallel(n=2, verifiers=(MathVerifier(answer="1"),))
    job = Job(
        run_id="run_1", model="m", messages=[], strategy=strategy, selected_by="body", arrived=0.0, deadline_s=1.0
    )
    candidate = Candidate(
        index=0,
        finish_reason="stop",
        answer=Answer(kind="math", text="1", key="1"),
        cluster=0,
        verdict=Verdict(status="pass", score=1.0),
        fate=Fate.SELECTED,
    )
    return Outcome(
        job=job,
        created=0,
        candidates=[candidate],
        decision=Majority().decide([candidate]),
        accepted=True,
        fallback=None,
        stopped_by="decided",
        broken_rules=["decided"],
        diversity=Diversity(
            distinct_answers=1,
            answer_entropy=0.0,
            mean_pairwise_similarity=0.5,
            vendi_score=1.0,
            distinct_2=1.0,
            mean_copy_ratio=0.0,
        ),
        cost=account([candidate], undrawn=0, calls=1, model="m", prices={"m": Price(completion=1.0)}, busy_s=0.0),
        timing=Timing(total_ms=1.0, queue_ms=0.0, first_candidate_ms=1.0, gateway_ms=0.1),
    )
