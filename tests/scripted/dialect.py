"""What differs between the engines that speak OpenAI's API."""

from __future__ import annotations

import itertools
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.scripted.call import Call
    from tests.scripted.reply import Choice, Json, Piece, Reply

ANSWER_ID = "chatcmpl-################"
"""Stands in encoded answers for the id, which has the same length."""

CREATED = 1_700_000_000
_VOCABULARY = 49_152


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One event of a stream. `finishes` says that it tells a `finish_reason`."""

    payload: Json
    tokens: int = 0
    finishes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A request that the engine turns down before it generates anything."""

    status: int
    error: Json


class Dialect(Protocol):
    """How one engine writes what every engine says."""

    @property
    def headers(self) -> tuple[str, ...]:
        """The header lines that every answer carries."""
        ...

    @property
    def health(self) -> bytes:
        """The body of `/health`."""
        ...

    def models(self, names: Sequence[str]) -> Json:
        """Return the body of `/v1/models`."""
        ...

    def metrics(self, running: int) -> str:
        """Return the body of `/metrics` while `running` requests are generating."""
        ...

    def error(self, status: int, message: str) -> Json:
        """Return the body of an error."""
        ...

    def refusal(self, call: Call, names: Sequence[str]) -> Refusal | None:
        """Return why the engine would refuse `call`, if it would."""
        ...

    def chunks(self, call: Call, reply: Reply) -> Iterable[Chunk]:
        """Return the events of a streamed answer, without the closing `[DONE]`."""
        ...

    def completion(self, call: Call, reply: Reply) -> Json:
        """Return the body of an answer that isn't streamed."""
        ...


def interleave(streams: Iterable[Sequence[Sequence[Chunk]]]) -> list[Chunk]:
    """Return the events of several choices in turn, as a batch that advances in step sends them.

    A stream is a row of groups; the events of a group belong to one step and stay together.
    """
    turns = itertools.zip_longest(*streams, fillvalue=())
    return [chunk for groups in turns for group in groups for chunk in group]


def logprobs(pieces: Iterable[Piece], call: Call, *, numbered: bool = False) -> Json | None:
    """Return the `logprobs` of `pieces`, or None where the call wants none.

    The sampled token is the likeliest, and each alternative stands 0.5 below the one before. `numbered` tells the id of
    each token, as llama.cpp does.
    """
    if call.top_logprobs < 0:
        return None
    found: list[Json] = []
    for piece in pieces:
        for token, logprob in zip(piece.tokens, piece.logprobs, strict=True):
            rivals = [(f"{token}~{rank}", logprob - 0.5 * rank) for rank in range(1, call.top_logprobs)]
            ranked = [(token, logprob), *rivals][: call.top_logprobs]
            top = [_chance(*each, numbered=numbered) for each in ranked]
            found.append(_chance(token, logprob, numbered=numbered) | {"top_logprobs": top})
    return {"content": found}


def usage(call: Call, reply: Reply, completion: int) -> Json:
    """Return a usage object: the counts that the reply claims, or the true ones."""
    claimed = reply.usage
    prompt = claimed.prompt if claimed else call.prompt_tokens
    completion = claimed.completion if claimed else completion
    counts: Json = {"prompt_tokens": prompt, "total_tokens": prompt + completion, "completion_tokens": completion}
    if claimed and claimed.cached:
        counts["prompt_tokens_details"] = {"cached_tokens": claimed.cached}
    return counts


def total(found: Iterable[Choice]) -> int:
    """Return the tokens of all choices."""
    return sum(choice.tokens for choice in found)


def _chance(token: str, logprob: float, *, numbered: bool) -> Json:
    spelled = token.encode()
    number: Json = {"id": zlib.crc32(spelled) % _VOCABULARY} if numbered else {}
    return number | {"token": token, "logprob": logprob, "bytes": list(spelled)}
