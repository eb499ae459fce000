from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.aggregators import AGGREGATORS
from app.aggregators.base import Aggregator
from app.aggregators.synthesis import Synthesis
from app.aggregators.tournament import Tournament
from app.budget import Budget
from app.errors import InvalidRequestError, InvalidStrategyError, ModelNotFoundError, SandboxUnavailableError
from app.estimate import worst_case
from app.inquiry import times
from app.job import Job
from app.parts import type_name
from app.price import Price
from app.purse import Room
from app.requirements import USUAL_CANDIDATE_TOKENS, check_calls, check_parts, expenses, rooms
from app.strategies.parallel import Parallel
from app.verifiers.base import PASS, Verifier
from app.verifiers.exact import ExactVerifier
from app.verifiers.judge import JudgeVerifier
from tests.tools import verifier_tools

if TYPE_CHECKING:
    from app.candidates import Candidate, Verdict
    from app.strategies.base import Strategy
    from app.verifiers.base import VerifierTools

JUDGE = JudgeVerifier(max_tokens=50)
EXACT = ExactVerifier(answer="42")


class Boxed(Verifier):
    """Needs what isn't there."""

    async def check(self, tools: VerifierTools) -> None:  # noqa: ARG002 - the interface
        raise SandboxUnavailableError("no sandbox here")

    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:  # noqa: ARG002 - the interface
        return PASS


def job(strategy: Strategy, max_tokens: int | None = 100) -> Job:
    return Job(
        run_id="run_1",
        model="m",
        messages=[{"role": "user", "content": "Q?"}],
        strategy=strategy,
        selected_by="body",
        arrived=0.0,
        deadline_s=1.0,
        fields={"max_tokens": max_tokens} if max_tokens else {},
    )


def checked(strategy: Strategy) -> None:
    asyncio.run(check_parts(strategy, verifier_tools()))


@pytest.mark.parametrize("part", AGGREGATORS, ids=type_name)
def test_an_aggregator_that_has_needs_or_expenses_says_so(part: type[Aggregator]) -> None:
    base = (Aggregator.check, Aggregator.expenses, Aggregator.choose)
    assert part.asks == ((part.check, part.expenses, part.choose) != base)


def test_parts_whose_models_are_there_are_fine() -> None:
    checked(Parallel(n=2, verifiers=(EXACT, JUDGE), aggregator=Synthesis(model="judge")))


def test_what_is_missing_is_told_with_the_path_of_its_part() -> None:
    with pytest.raises(ModelNotFoundError) as verifier:
        checked(Parallel(n=2, verifiers=(EXACT, JudgeVerifier(model="nobody"))))
    assert verifier.value.param == "strategy.verifiers.1.model"
    with pytest.raises(ModelNotFoundError) as aggregator:
        checked(Parallel(n=2, aggregator=Tournament(model="nobody")))
    assert aggregator.value.param == "strategy.aggregator.model"


def test_a_strategy_that_this_server_cannot_run_is_no_fault_of_the_servers() -> None:
    strategy = Parallel(n=2).model_copy(update={"verifiers": (Boxed(),)})
    with pytest.raises(InvalidStrategyError, match="no sandbox here") as error:
        checked(strategy)
    assert (error.value.status, error.value.param) == (400, "strategy.verifiers.0")


def test_parts_that_ask_nobody_cost_nothing() -> None:
    assert expenses(job(Parallel(n=4, verifiers=(EXACT,))), 100) == ([], [])
    assert rooms(job(Parallel(n=4, verifiers=(EXACT,))), {}) == (Room(), Room())


def test_what_an_aggregator_writes_is_judged_too() -> None:
    judging, aggregating = expenses(job(Parallel(n=4, verifiers=(JUDGE, JUDGE), aggregator=Synthesis())), 100)
    assert [expense.calls for expense in judging] == [1, 1]
    assert [expense.usage.completion for expense in aggregating] == [1_024, 50, 50]
    judging, aggregating = expenses(job(Parallel(n=4, verifiers=(JUDGE,), aggregator=Tournament())), 100)
    assert [expense.calls for expense in aggregating] == [8]


def test_one_candidate_leaves_an_aggregator_nothing_to_ask() -> None:
    assert expenses(job(Parallel(n=1, verifiers=(JUDGE,), aggregator=Synthesis())), 100)[1] == []


def test_room_is_reckoned_in_tokens_and_by_the_price_of_each_model() -> None:
    strategy = Parallel(n=2, verifiers=(JudgeVerifier(model="judge", max_tokens=50), JUDGE))
    prices = {"m": Price(completion=1.0), "judge": Price(completion=10.0)}
    judging, closing = rooms(job(strategy), prices)
    assert (judging.tokens, judging.usd, closing) == (100, pytest.approx(50 * 11 / 1e6), Room())
    longer, _ = rooms(job(strategy, max_tokens=None), {"judge": Price(prompt=1.0)})
    shorter, _ = rooms(job(strategy, max_tokens=10), {"judge": Price(prompt=1.0)})
    assert longer.usd > shorter.usd
    assert USUAL_CANDIDATE_TOKENS > 10


def test_a_limit_in_money_needs_the_price_of_every_model_that_is_asked() -> None:
    budget = Budget(max_cost_usd=1.0)
    judged = Parallel(n=2, budget=budget, verifiers=(JudgeVerifier(model="judge"),))
    written = Parallel(n=2, budget=budget, aggregator=Synthesis(model="writer"))
    for strategy, name in ((judged, "judge"), (written, "writer"), (judged, "m")):
        prices = {model: Price() for model in {"m", "judge", "writer"} - {name}}
        with pytest.raises(InvalidRequestError, match=f"no price of model '{name}'"):
            rooms(job(strategy), prices)
        rooms(job(strategy), {**prices, name: Price()})


def test_doing_the_same_several_times_costs_as_often() -> None:
    (expense,) = JUDGE.expenses(10, 20)
    thrice = times(expense, 3)
    assert (thrice.calls, thrice.usage.completion, thrice.usage.prompt) == (3, 150, 3 * expense.usage.prompt)


def test_a_job_that_may_make_too_many_calls_is_refused_with_their_number() -> None:
    strategy = Parallel(n=4, verifiers=(JUDGE, JUDGE), aggregator=Synthesis())
    check_calls(job(strategy), 4 * 3 + 3)
    with pytest.raises(InvalidStrategyError, match="up to 15 calls of models, over the limit of 14"):
        check_calls(job(strategy), 14)
    assert worst_case(job(strategy), context=None, prices={}).calls == 15
