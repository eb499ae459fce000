from __future__ import annotations

import asyncio
import json
import tempfile

import aiohttp
import pytest

from tests.chaos.figures import Counts, Figures
from tests.chaos.judging import Fate, Judged, judge
from tests.chaos.processes import Worker, started
from tests.chaos.questions import answer, number_in, prompt
from tests.chaos.report import markdown
from tests.chaos.run import Plan, run
from tests.chaos.worker import MODEL, Books, Mood, Temper, Unwanted
from tests.scripted.actions import Reset
from tests.scripted.call import parse
from tests.scripted.received import Received
from tests.scripted.reply import Reply


@pytest.mark.slow
def test_whatever_happens_to_the_workers_no_request_is_lost_answered_wrongly_or_twice() -> None:
    said: list[str] = []

    figures = asyncio.run(run(Plan(seconds=4.0, clients=8), said.append))

    assert {fate: figures.total(fate) for fate in (Fate.LOST, Fate.WRONG, Fate.DUPLICATE)} == {
        Fate.LOST: 0,
        Fate.WRONG: 0,
        Fate.DUPLICATE: 0,
    }, markdown(figures)
    assert figures.total(Fate.RIGHT) > 0
    assert said[-1] == "calm again"


@pytest.mark.slow
def test_a_worker_that_goes_on_for_a_client_that_has_left_is_found_out_even_when_it_is_killed_then() -> None:
    async def scenario() -> None:
        with tempfile.TemporaryFile() as log:
            worker = Worker(seed=1, log=log)
            question = {"model": MODEL, "messages": [{"role": "user", "content": prompt(7)}], "stream": True}
            async with (
                started([worker]),
                aiohttp.ClientSession() as session,
                session.post(f"{worker.url}/v1/chat/completions", json=question) as response,
            ):
                await response.content.readuntil(b"7.0")
                await worker.left(7)
                await response.read()
                found = await worker.unwanted()
                assert 1 < found.tokens < len(answer(7).split())
                assert found.beyond == found.tokens - 1
                await worker.die()
                await worker.start()
                assert await worker.unwanted() == found

    asyncio.run(scenario())


def _whole(text: str, **fields: object) -> bytes:
    choice = {"index": 0, "message": {"content": text}, "finish_reason": "stop"}
    return json.dumps({"id": "one", "choices": [choice], **fields}).encode()


def _event(text: str, finish_reason: str | None = None) -> str:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
    return f"data: {json.dumps({'id': 'one', 'choices': [choice]})}\n\n"


def _stream(*texts: str, end: str = "data: [DONE]\n\n", finishes: int = 1) -> bytes:
    return "".join([*map(_event, texts), *([_event("", "stop")] * finishes), end]).encode()


def test_the_answer_of_the_question_is_right_streamed_or_not() -> None:
    right = answer(7)
    assert judge(7, 200, _whole(right), streamed=False) == Judged(Fate.RIGHT, id="one")
    assert judge(7, 200, b": alive\n\n" + _stream(right[:9], right[9:]), streamed=True).fate is Fate.RIGHT


@pytest.mark.parametrize(
    ("raw", "fate"),
    [
        (_stream(answer(8)), Fate.WRONG),
        (_stream(answer(7)[:-4]), Fate.WRONG),
        (_stream(answer(7), end=""), Fate.WRONG),
        (_stream(answer(7), finishes=0), Fate.WRONG),
        (_stream(answer(7), answer(7)), Fate.DUPLICATE),
        (_stream(answer(7), finishes=2), Fate.DUPLICATE),
        (_stream("7.0", end='data: {"error": {"code": "all_candidates_failed"}}\n\ndata: [DONE]\n\n'), Fate.ERROR),
        (_stream("7.0", end='data: {"error": {"code": "internal_error"}}\n\ndata: [DONE]\n\n'), Fate.WRONG),
        (b"data: {not json\n\n", Fate.WRONG),
    ],
)
def test_a_stream_is_judged_by_all_that_it_says(raw: bytes, fate: Fate) -> None:
    assert judge(7, 200, raw, streamed=True).fate is fate


@pytest.mark.parametrize(
    ("status", "code", "fate"),
    [
        (503, "no_worker", Fate.ERROR),
        (502, "all_candidates_failed", Fate.ERROR),
        (500, "no_worker", Fate.WRONG),
        (404, "model_not_found", Fate.WRONG),
        (500, "internal_error", Fate.WRONG),
    ],
)
def test_only_an_error_that_a_good_request_can_meet_is_accepted(status: int, code: str, fate: Fate) -> None:
    raw = json.dumps({"error": {"code": code}}).encode()
    assert judge(7, status, raw, streamed=True).fate is fate


def test_a_status_without_an_error_is_wrong() -> None:
    assert judge(7, 502, b"{}", streamed=False).fate is Fate.WRONG
    assert judge(7, 502, b"<html>", streamed=False).fate is Fate.WRONG


def test_an_id_that_comes_twice_is_a_duplicate_and_fails_the_run() -> None:
    figures = Figures(["calm"])
    figures.book(0, "question 1", Judged(Fate.RIGHT, id="one"), 0.5)
    assert figures.passed
    figures.book(0, "question 2", Judged(Fate.RIGHT, id="one"), 0.5)
    assert not figures.passed
    assert "FAILED: of 2 requests 1 were answered right" in markdown(figures)


def test_a_phase_counts_what_its_end_has_more_than_its_beginning() -> None:
    metrics = 'quorum_retries_total 7.0\nquorum_worker_ejections_total{worker="w0",reason="failures"} 2.0\n'
    figures = Figures(["calm"])
    row = figures.rows[0]
    row.before = Counts.of("", [Unwanted(1, 0), Unwanted(2, 0)])
    row.after = Counts.of(metrics, [Unwanted(9, 8), Unwanted(2, 0)])

    assert (row.after.retries, row.after.ejections) == (7, 2)
    assert row.unwanted == Unwanted(8, 8)
    assert not figures.passed


def _received(question: int, number: int, **fields: object) -> Received:
    messages = [{"role": "user", "content": prompt(question)}]
    raw = json.dumps({"model": "chaotic", "messages": messages, **fields}).encode()
    call, seed = parse(raw)
    return Received(number=number, connection=0, headers={}, raw=raw, call=call, seed=seed)


def test_what_is_generated_after_a_client_has_left_is_counted_and_one_piece_a_candidate_allowed() -> None:
    books = Books()
    going = _received(7, 0, stream_interval=8)
    going.sent_tokens = 16
    books.note(7, going)
    books.left(7)
    going.sent_tokens = 24
    late = _received(7, 1, stream_interval=8)
    books.note(7, late)
    late.sent_tokens = 20

    assert books.unwanted() == Unwanted(8 + 20, 20 - 8)


def test_books_forget_old_questions_but_not_those_whose_client_has_left() -> None:
    books = Books()
    first = _received(0, 0)
    books.note(0, first)
    books.left(0)
    for question in range(1, 3_000):
        books.note(question, _received(question, question))
    first.sent_tokens = 3

    assert books.unwanted().tokens == 3


def test_a_worker_answers_the_question_at_the_same_pace_each_time_and_slower_in_that_mood() -> None:
    temper = Temper(1, Books())
    first, again = temper(_received(7, 0, seed=7)), temper(_received(7, 1, seed=7))
    assert isinstance(first, Reply)
    assert first == again
    assert first.texts == (answer(7),)

    temper.mood = Mood.SLOW
    slow = temper(_received(7, 2, seed=7))
    assert isinstance(slow, Reply)
    assert slow.delay_first_s == pytest.approx(20 * first.delay_first_s)
    temper.mood = Mood.RESETS
    assert isinstance(temper(_received(7, 3, seed=7)), Reset)


def test_a_question_is_known_by_what_its_conversation_began_with() -> None:
    assert number_in([{"content": prompt(12)}, {"content": answer(12)}, {"content": "Again, please."}]) == 12
    with pytest.raises(ValueError, match="not a question"):
        number_in([{"content": "Hello"}])
