from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from app.bodies import Draft, Drafter
from app.candidates import Ask, Candidate, Reply
from app.context import Context
from app.job import Job
from app.sampling import Sampling
from app.strategies.hybrid import Hybrid
from app.strategies.parallel import Parallel
from app.workers.traits import LLAMA_CPP, OPENAI, VLLM, Traits
from app.workers.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.candidates import Message
    from app.strategies.base import Strategy

MESSAGES: list[Message] = [{"role": "user", "content": "1+1?"}]
SEEN = Candidate(index=0, finish_reason="stop", reply=Reply(text="3"))


def job(strategy: Strategy | None = None, *, live: bool = False, **fields: object) -> Job:
    return Job(
        run_id="run_1",
        model="m",
        messages=MESSAGES,
        strategy=strategy or Parallel(n=8),
        selected_by="body",
        arrived=0.0,
        deadline_s=1.0,
        fields=fields,
        live=live,
    )


def worker(traits: Traits, slots: int = 4) -> Worker:
    return Worker(id="w1", locate=lambda: "http://worker", traits=traits, slots=slots)


def drafts(of: Job, to: Worker, asks: Sequence[Ask], tokens_left: int | None = None) -> list[Draft]:
    drafter = Drafter(of)
    members = [drafter.member(index, ask) for index, ask in enumerate(asks)]
    return list(drafter.drafts(members, to, tokens_left))


def body(draft: Draft) -> dict[str, object]:
    return msgspec.json.decode(draft.body, type=dict[str, object])


def one_body(of: Job, to: Worker, tokens_left: int | None = None) -> dict[str, object]:
    (draft,) = drafts(of, to, [Ask()], tokens_left)
    return body(draft)


@given(count=st.integers(1, 20), slots=st.integers(1, 9), seed=st.none() | st.integers(0, 99))
def test_llama_cpp_draws_siblings_by_n_within_its_slots(count: int, slots: int, seed: int | None) -> None:
    of = job(Parallel(n=20, sampling=Sampling(seed=seed)))
    made = drafts(of, worker(LLAMA_CPP, slots), [Ask(chain=i) for i in range(count)])
    assert [member.index for draft in made for member in draft.members] == list(range(count))
    assert all(len(draft.members) == slots for draft in made[:-1])
    for draft in made:
        assert body(draft).get("n", 1) == len(draft.members) <= slots
        assert body(draft).get("seed") == (None if seed is None else seed + draft.members[0].index)


@given(count=st.integers(1, 9), slots=st.integers(1, 9), seed=st.none() | st.integers(0, 99))
def test_vllm_draws_each_candidate_by_a_request_with_a_seed_of_its_own(
    count: int, slots: int, seed: int | None
) -> None:
    of = job(Parallel(n=20, sampling=Sampling(seed=seed)))
    made = drafts(of, worker(VLLM, slots), [Ask(chain=i) for i in range(count)])
    assert [[member.index for member in draft.members] for draft in made] == [[i] for i in range(count)]
    assert all("n" not in body(draft) for draft in made)
    assert [body(draft).get("seed") for draft in made] == [None if seed is None else seed + i for i in range(count)]


@given(st.lists(st.sampled_from([0.2, 0.9]), min_size=1, max_size=6), st.integers(1, 9))
def test_only_siblings_of_one_temperature_share_a_request(ladder: list[float], count: int) -> None:
    of = job(Parallel(n=9, sampling=Sampling(temperature=tuple(ladder))))
    made = drafts(of, worker(LLAMA_CPP), [Ask() for _ in range(count)])
    assert [member.index for draft in made for member in draft.members] == list(range(count))
    for draft in made:
        assert {ladder[member.index % len(ladder)] for member in draft.members} == {body(draft)["temperature"]}


def test_only_siblings_of_one_conversation_share_a_request() -> None:
    asks = [Ask(), Ask(), Ask(shown=(SEEN,)), Ask(shown=(SEEN,), avoid=True), Ask(shown=(SEEN,), avoid=True)]
    made = drafts(job(Hybrid(widths=(2, 3))), worker(LLAMA_CPP), asks)
    assert [len(draft.members) for draft in made] == [2, 1, 2]
    assert body(made[0])["messages"] == MESSAGES
    assert [len(msgspec.json.decode(msgspec.json.encode(body(draft)["messages"]))) for draft in made] == [1, 3, 3]
    assert body(made[1])["messages"] != body(made[2])["messages"]


def test_the_callers_other_fields_are_handed_on_as_they_came() -> None:
    tools = [{"type": "function", "function": {"name": "add"}}]
    sent = one_body(job(tools=tools, top_k=3, structured_outputs={"choice": ["a"]}), worker(OPENAI))
    assert sent == {
        "model": "m",
        "messages": MESSAGES,
        "tools": tools,
        "top_k": 3,
        "structured_outputs": {"choice": ["a"]},
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_the_strategys_sampling_wins_over_the_requests() -> None:
    strategy = Parallel(n=1, sampling=Sampling(temperature=0.3, seed=5))
    sent = one_body(job(strategy, temperature=1.0, top_p=0.5, seed=9), worker(OPENAI))
    assert (sent["temperature"], sent["top_p"], sent["seed"]) == (0.3, 0.5, 5)


def test_what_quorum_decides_itself_is_never_handed_on() -> None:
    sent = one_body(job(n=7, stream=False, stream_options={"include_usage": False}), worker(LLAMA_CPP))
    assert "n" not in sent
    assert (sent["stream"], sent["stream_options"]) == (True, {"include_usage": True})


def test_the_limit_of_tokens_is_the_smallest_in_the_words_of_the_request() -> None:
    assert one_body(job(max_tokens=50), worker(OPENAI))["max_tokens"] == 50
    assert one_body(job(max_tokens=50), worker(OPENAI), tokens_left=20)["max_tokens"] == 20
    assert one_body(job(), worker(OPENAI), tokens_left=20)["max_tokens"] == 20
    assert one_body(job(), worker(OPENAI), tokens_left=-3)["max_tokens"] == 1
    assert "max_tokens" not in one_body(job(), worker(OPENAI))
    sent = one_body(job(Parallel(n=1, sampling=Sampling(max_tokens=7)), max_completion_tokens=50), worker(OPENAI))
    assert sent["max_completion_tokens"] == 7
    assert "max_tokens" not in sent


def test_chunks_that_nobody_watches_may_be_large() -> None:
    assert one_body(job(), worker(VLLM))["stream_interval"] == 8
    assert "stream_interval" not in one_body(job(live=True), worker(VLLM))
    assert one_body(job(stream_interval=2), worker(VLLM))["stream_interval"] == 2
    assert one_body(job(), worker(VLLM))["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}


def test_nothing_to_draw_is_no_request() -> None:
    assert not drafts(job(), worker(VLLM), [])


def test_siblings_share_one_conversation_and_earlier_rounds_are_not_kept() -> None:
    drafter = Drafter(job())
    first, sibling = drafter.member(0, Ask()), drafter.member(1, Ask())
    assert first.conversation is sibling.conversation
    earlier = first.conversation
    del first, sibling
    held = sys.getrefcount(earlier)
    drafter.member(2, Ask(shown=(SEEN,)))
    assert sys.getrefcount(earlier) == held - 1


def test_tools_and_padding_are_part_of_the_guess_at_the_prompt() -> None:
    tools = [{"type": "function", "function": {"name": "add", "description": "x" * 300}}]
    plain = Drafter(job()).member(0, Ask()).prompt_tokens
    assert Drafter(job(tools=tools)).member(0, Ask()).prompt_tokens >= plain + 100
    padded = job(Parallel(n=8, context=Context(pad_tokens=1_000)))
    assert plain + 1_000 <= Drafter(padded).member(0, Ask()).prompt_tokens < plain + 1_200
