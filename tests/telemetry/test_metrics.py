from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace
from msgspec.structs import replace as but
from prometheus_client.parser import text_string_to_metric_families

from app.candidates import Candidate, Decision, Fate, Usage, Verdict
from app.diversity.measure import Diversity
from app.inquiry import SideCall
from app.job import Job
from app.ledger import account
from app.outcome import Outcome, Timing
from app.price import Price
from app.strategies.parallel import Parallel
from app.telemetry.metrics import Metrics
from app.verifiers.exact import ExactVerifier
from app.verifiers.regex import RegexVerifier
from app.workers.worker import ServedModel, Worker
from tests.tools import NoSandbox, unwatched

if TYPE_CHECKING:
    from collections.abc import Sequence

WINNER = Candidate(
    index=0,
    finish_reason="stop",
    usage=Usage(prompt=10, cached=4, completion=20),
    verdict=Verdict(status="pass", score=1.0),
    fate=Fate.SELECTED,
)
CANDIDATES = (
    WINNER,
    but(WINNER, index=1, fate=Fate.COUNTED),
    but(WINNER, index=2, fate=Fate.COUNTED, verdict=None),
    Candidate(index=3, usage=Usage(completion=5), fate=Fate.CANCELLED),
)
MEASURED = Diversity(
    distinct_answers=2,
    answer_entropy=0.5,
    mean_pairwise_similarity=0.75,
    vendi_score=1.5,
    distinct_2=0.5,
    mean_copy_ratio=0.25,
)
BY_STRATEGY = {"model": "m", "strategy": "parallel"}


def outcome_of(
    candidates: Sequence[Candidate] = CANDIDATES,
    *,
    diversity: Diversity = MEASURED,
    price: Price | None = None,
    stopped_by: str | None = None,
) -> Outcome:
    job = Job(
        run_id="run_1",
        model="m",
        messages=[],
        strategy=Parallel(n=4, verifiers=(ExactVerifier(answer="x"),)),
        selected_by="body",
        arrived=0.0,
        deadline_s=9.0,
    )
    return Outcome(
        job=job,
        created=0,
        candidates=candidates,
        decision=Decision(aggregator="majority", ranking=(WINNER,), votes=2.0, of=3.0, margin=1.0, tied=False),
        accepted=True,
        fallback=None,
        stopped_by=stopped_by,
        diversity=diversity,
        cost=account(
            candidates, undrawn=0, calls=4, model=job.model, prices={job.model: price} if price else {}, busy_s=1.0
        ),
        timing=Timing(total_ms=250.0, queue_ms=0.0, first_candidate_ms=1.0, gateway_ms=2.0),
    )


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Return the value of one time series as Prometheus would read it, or None where there is none."""
    for family in text_string_to_metric_families(metrics.expose().decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def test_an_answer_counts_with_its_candidates_and_tokens_by_fate() -> None:
    metrics = Metrics(unwatched(), NoSandbox())
    metrics.answered(outcome_of())
    metrics.answered(outcome_of())
    assert value(metrics, "quorum_requests_total", outcome="ok", **BY_STRATEGY) == 2
    assert value(metrics, "quorum_candidates_total", fate="counted", **BY_STRATEGY) == 4
    assert value(metrics, "quorum_candidates_total", fate="cancelled", **BY_STRATEGY) == 2
    assert value(metrics, "quorum_tokens_total", model="m", kind="completion", fate="counted") == 80
    assert value(metrics, "quorum_tokens_total", model="m", kind="prompt_cached", fate="selected") == 8
    assert value(metrics, "quorum_tokens_total", model="m", kind="completion", fate="cancelled") == 10
    assert value(metrics, "quorum_verdicts_total", verifier="exact", status="pass") == 4


def test_durations_are_in_seconds_and_diversity_as_measured() -> None:
    metrics = Metrics(unwatched(), NoSandbox())
    metrics.answered(outcome_of())
    assert value(metrics, "quorum_request_duration_seconds_sum", **BY_STRATEGY) == 0.25
    assert value(metrics, "quorum_gateway_seconds_sum") == 0.002
    assert value(metrics, "quorum_agreement_ratio_sum", **BY_STRATEGY) == 2 / 3
    assert value(metrics, "quorum_distinct_answers_sum", **BY_STRATEGY) == 2
    assert value(metrics, "quorum_similarity_sum", **BY_STRATEGY) == 0.75
    assert value(metrics, "quorum_vendi_score_sum", **BY_STRATEGY) == 1.5
    assert value(metrics, "quorum_copy_ratio_sum", **BY_STRATEGY) == 0.25


def test_what_could_not_be_measured_is_not_counted_as_nothing() -> None:
    metrics = Metrics(unwatched(), NoSandbox())
    metrics.answered(outcome_of(diversity=replace(MEASURED, mean_pairwise_similarity=None, vendi_score=None)))
    assert not value(metrics, "quorum_similarity_count", **BY_STRATEGY)
    assert not value(metrics, "quorum_vendi_score_count", **BY_STRATEGY)
    assert value(metrics, "quorum_cost_usd_total", **BY_STRATEGY) is None


def test_money_and_early_stops_are_counted_where_there_are_any() -> None:
    metrics = Metrics(unwatched(), NoSandbox())
    metrics.answered(outcome_of(price=Price(completion=1_000_000.0), stopped_by="decided"))
    metrics.answered(outcome_of())
    assert value(metrics, "quorum_cost_usd_total", **BY_STRATEGY) == 65
    assert value(metrics, "quorum_early_stops_total", rule="decided") == 1


def test_what_ending_early_spared_is_counted_as_the_estimate_that_responses_tell() -> None:
    metrics = Metrics(unwatched(), NoSandbox())
    metrics.answered(outcome_of(stopped_by="decided"))
    metrics.answered(outcome_of(CANDIDATES[:3]))
    assert value(metrics, "quorum_saved_completion_tokens_estimate_total", **BY_STRATEGY) == 20 - 5


def test_a_request_that_failed_counts_by_its_error_and_only_what_is_known_is_a_label() -> None:
    metrics = Metrics(unwatched(), NoSandbox())
    metrics.failed(model=None, strategy=None, outcome="model_not_found")
    metrics.failed(model="m", strategy="parallel", outcome="deadline_exceeded")
    unknown = {"model": "unknown", "strategy": "unknown"}
    assert value(metrics, "quorum_requests_total", outcome="model_not_found", **unknown) == 1
    assert value(metrics, "quorum_requests_total", outcome="deadline_exceeded", **BY_STRATEGY) == 1


def test_workers_are_shown_as_they_are_when_they_are_looked_at() -> None:
    first, second = (Worker(id=name, locate=lambda: "http://worker") for name in ("w1", "w2"))
    metrics = Metrics(unwatched(first, second), NoSandbox())
    assert value(metrics, "quorum_worker_up", worker="w1") == 0
    first.up, second.load.in_flight = True, 3
    assert value(metrics, "quorum_worker_up", worker="w1") == 1
    assert value(metrics, "quorum_worker_up", worker="w2") == 0
    assert value(metrics, "quorum_worker_in_flight", worker="w2") == 3


def test_what_may_be_counted_is_there_with_nothing_before_it_happens() -> None:
    worker = Worker(id="w0", locate=lambda: "http://a", models={"m": ServedModel(id="m")})
    metrics = Metrics(unwatched(worker), NoSandbox())
    assert value(metrics, "quorum_queue_waiting", model="m") == 0
    assert value(metrics, "quorum_rejected_total", model="m") == 0
    assert value(metrics, "quorum_worker_ejections_total", worker="w0", reason="failures") == 0
    assert value(metrics, "quorum_worker_ejections_total", worker="w0", reason="slowness") == 0
    assert value(metrics, "quorum_workers_refused_total", reason="name_taken") == 0


def test_the_ejections_of_workers_that_are_gone_are_no_longer_told() -> None:
    pool = unwatched(Worker(id="w0", locate=lambda: "http://a"))
    pool.ejector.ejections["w0", "failures"] = pool.ejector.ejections["gone", "failures"] = 2
    metrics = Metrics(pool, NoSandbox())
    assert value(metrics, "quorum_worker_ejections_total", worker="w0", reason="failures") == 2
    assert value(metrics, "quorum_worker_ejections_total", worker="gone", reason="failures") is None


def test_two_servers_in_one_process_count_for_themselves() -> None:
    one, other = Metrics(unwatched(), NoSandbox()), Metrics(unwatched(), NoSandbox())
    one.answered(outcome_of())
    assert value(other, "quorum_requests_total", outcome="ok", **BY_STRATEGY) is None


def test_verdicts_of_several_kinds_of_verifiers_are_one_series() -> None:
    exact, regex = ExactVerifier(answer="x"), RegexVerifier(pattern="x")
    metrics = Metrics(unwatched(), NoSandbox())
    for verifiers in ((exact, regex), (regex, exact, exact), (regex, regex)):
        outcome = outcome_of()
        strategy = outcome.job.strategy.model_copy(update={"verifiers": verifiers})
        metrics.answered(replace(outcome, job=replace(outcome.job, strategy=strategy)))
    assert value(metrics, "quorum_verdicts_total", verifier="several", status="pass") == 4
    assert value(metrics, "quorum_verdicts_total", verifier="regex", status="pass") == 2


def test_judges_count_under_their_own_model_and_so_does_what_another_model_has_written() -> None:
    written = replace(WINNER, model="writer", synthesized=True)
    calls = [SideCall(model="judge", usage=Usage(prompt=7, completion=3), seconds=1.0)] * 2
    cost = account([WINNER, written], undrawn=0, calls=4, model="m", prices={}, busy_s=1.0, side_calls=calls)
    metrics = Metrics(unwatched(), NoSandbox())
    metrics.answered(replace(outcome_of([WINNER, written]), cost=cost))
    assert value(metrics, "quorum_tokens_total", model="judge", kind="completion", fate="verifier") == 6
    assert value(metrics, "quorum_tokens_total", model="judge", kind="prompt", fate="verifier") == 14
    assert value(metrics, "quorum_tokens_total", model="m", kind="completion", fate="verifier") is None
    assert value(metrics, "quorum_tokens_total", model="m", kind="completion", fate="selected") == 20
    assert value(metrics, "quorum_tokens_total", model="writer", kind="completion", fate="selected") == 20
    assert value(metrics, "quorum_candidates_total", fate="selected", **BY_STRATEGY) == 2


def test_a_stop_rule_that_broke_counts_under_its_type() -> None:
    metrics = Metrics(unwatched(), NoSandbox())
    metrics.answered(replace(outcome_of(), broken_rules=["race", "beta"]))
    metrics.answered(replace(outcome_of(), broken_rules=["beta"]))
    metrics.answered(outcome_of())
    assert value(metrics, "quorum_stop_failures_total", rule="race") == 1
    assert value(metrics, "quorum_stop_failures_total", rule="beta") == 2
    assert value(metrics, "quorum_stop_failures_total", rule="decided") is None
