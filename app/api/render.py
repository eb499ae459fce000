"""Outcomes as OpenAI's responses, with the `quorum` object beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from app.candidates import Candidate, Confidence, Usage, Verdict
    from app.estimate import WorstCase
    from app.job import Job
    from app.outcome import Outcome

Json = dict[str, object]


def completion(outcome: Outcome) -> Json:
    """Return the body of a chat completion."""
    return {
        "id": completion_id(outcome.job),
        "object": "chat.completion",
        "created": outcome.created,
        "model": outcome.job.model,
        "choices": [choice(index, candidate) for index, candidate in enumerate(outcome.answers)],
        "usage": usage(outcome.cost.usage),
        "quorum": account(outcome),
    }


def completion_id(job: Job) -> str:
    """Return the completion's id: the run's, as OpenAI prefixes it."""
    return job.run_id.replace("run_", "chatcmpl-", 1)


def choice(index: int, candidate: Candidate) -> Json:
    """Return one choice of a completion."""
    return {
        "index": index,
        "message": message(candidate),
        "logprobs": logprobs(candidate),
        "finish_reason": candidate.finish_reason,
    }


def message(candidate: Candidate) -> Json:
    """Return a candidate's reply as an assistant's message."""
    reply = candidate.reply
    body: Json = {"role": "assistant", "content": reply.text or (None if reply.tool_calls else "")}
    if reply.thinking:
        body["reasoning"] = reply.thinking
    if reply.tool_calls:
        body["tool_calls"] = tool_calls(candidate)
    return body


def tool_calls(candidate: Candidate) -> list[Json]:
    """Return the tools that a candidate calls."""
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in candidate.reply.tool_calls
    ]


def logprobs(candidate: Candidate) -> Json | None:
    """Return the log-probabilities as the worker sent them; None where they weren't asked for."""
    return {"content": [msgspec.Raw(entry) for entry in candidate.logprobs]} if candidate.logprobs else None


def usage(total: Usage) -> Json:
    """Return OpenAI's usage object."""
    return {
        "prompt_tokens": total.prompt,
        "completion_tokens": total.completion,
        "total_tokens": total.prompt + total.completion,
        "prompt_tokens_details": {"cached_tokens": total.cached},
    }


def account(outcome: Outcome) -> Json:
    """Return the `quorum` object."""
    job = outcome.job
    body: Json = {
        "run_id": job.run_id,
        "strategy": job.strategy.spec,
        "selected_by": job.selected_by,
        "experiment": None,
        "arm": None,
        "decision": decision(outcome),
        "diversity": _diversity(outcome),
        "cost": _cost(outcome),
        "timing": _timing(outcome),
    }
    if "candidates" in job.strategy.include or "texts" in job.strategy.include:
        texts = "texts" in job.strategy.include
        body["candidates"] = [candidate_row(candidate, texts=texts) for candidate in outcome.candidates]
    return body


def decision(outcome: Outcome) -> Json:
    """Return how the answer was chosen."""
    made = outcome.decision
    return {
        "aggregator": made.aggregator,
        "winner": made.winner.id,
        "votes": number(made.votes),
        "of": number(made.of),
        "agreement": round(made.agreement, 4),
        "margin": number(made.margin),
        "accepted": outcome.accepted,
        "fallback": outcome.fallback,
        "stopped_by": outcome.stopped_by,
        "stop_failure": outcome.stop_failure,
        "tied": made.tied,
    }


def candidate_row(candidate: Candidate, *, texts: bool) -> Json:
    """Return one candidate of the list."""
    verdict = candidate.verdict
    row: Json = {
        "id": candidate.id,
        "round": candidate.round,
        "chain": candidate.chain,
        "worker": candidate.worker,
        "fate": candidate.fate,
        "reason": candidate.failure.message if candidate.failure else candidate.rejection,
        "answer": candidate.answer.text if candidate.answer else None,
        "cluster": candidate.cluster,
        "verdict": verdict and _verdict(verdict),
        "confidence": candidate.confidence and _confidence(candidate.confidence),
        "similarity_to_previous": _rounded(candidate.similarity_to_previous),
        "copy_ratio": _rounded(candidate.copy_ratio),
        "prompt_tokens": candidate.usage.prompt,
        "completion_tokens": candidate.usage.completion,
        "latency_ms": round(candidate.latency_ms, 1),
        "finish_reason": candidate.finish_reason,
        "synthesized": candidate.synthesized,
    }
    if texts:
        row["text"] = candidate.reply.text
        row["thinking"] = candidate.reply.thinking or None
        row["tool_calls"] = [{"name": call.name, "arguments": call.arguments} for call in candidate.reply.tool_calls]
    return row


def _verdict(verdict: Verdict) -> Json:
    return {"status": verdict.status, "score": verdict.score, "feedback": verdict.feedback, "note": verdict.note}


def _confidence(confidence: Confidence) -> Json:
    return {"mean": _rounded(confidence.mean), "lowest_group": _rounded(confidence.lowest_group)}


def progress(candidate: Candidate, *, back: int, draws: int) -> Json:
    """Return what a streaming client is told when a candidate comes back."""
    return {
        "candidate": candidate.id,
        "state": "failed" if candidate.failure else "rejected" if candidate.rejection else "finished",
        "answer": candidate.answer.text if candidate.answer else None,
        "completion_tokens": candidate.usage.completion,
        "back": back,
        "of_at_most": draws,
    }


def dry_run(job: Job, worst: WorstCase) -> Json:
    """Return what a request would cost at worst."""
    return {
        "object": "quorum.dry_run",
        "model": job.model,
        "strategy": job.strategy.spec,
        "selected_by": job.selected_by,
        "worst_case": {
            "calls": worst.calls,
            "prompt_tokens": worst.prompt_tokens,
            "completion_tokens": worst.completion_tokens,
            "cost_usd": worst.usd,
            "deadline_s": job.deadline_s,
        },
    }


def number(value: float) -> float | int:
    """Return whole votes as whole numbers."""
    return int(value) if value == int(value) else round(value, 6)


def _diversity(outcome: Outcome) -> Json:
    measured = outcome.diversity
    return {
        "distinct_answers": measured.distinct_answers,
        "answer_entropy": _rounded(measured.answer_entropy),
        "mean_pairwise_similarity": _rounded(measured.mean_pairwise_similarity),
        "vendi_score": _rounded(measured.vendi_score),
        "distinct_2": _rounded(measured.distinct_2),
        "mean_copy_ratio": _rounded(measured.mean_copy_ratio),
        "undecided_comparisons": measured.undecided_comparisons,
    }


def _cost(outcome: Outcome) -> Json:
    cost = outcome.cost
    return {
        "usd": None if cost.usd is None else round(cost.usd, 10),
        "tokens": {
            "prompt": cost.usage.prompt,
            "prompt_cached": cost.usage.cached,
            "completion": cost.usage.completion,
            "by_fate": cost.completion_by_fate,
        },
        "saved_completion_tokens_estimate": cost.saved_estimate,
        "calls": cost.calls,
    }


def _timing(outcome: Outcome) -> Json:
    timing = outcome.timing
    return {
        "total_ms": round(timing.total_ms, 2),
        "queue_ms": round(timing.queue_ms, 2),
        "first_candidate_ms": None if timing.first_candidate_ms is None else round(timing.first_candidate_ms, 2),
        "gateway_ms": round(timing.gateway_ms, 2),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
