"""What gateways tell each other through Redis: how many tokens each has outstanding at which worker."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, cast

import msgspec
from redis.exceptions import RedisError

from app.redis_use import RedisUse, reason_of
from app.side_by_side import meanwhile

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

    from redis.asyncio import Redis

    from app.workers.worker import Worker

EVERY_S = 0.5
STALE_S = 3.0
"""Seconds after which nothing is left of what a gateway has said last."""

MAX_GATEWAYS = 1_024
MAX_WORD_BYTES = 256 * 1024
MOST_OUTSTANDING = 1_000_000_000_000
"""Tokens outstanding at a worker beyond which a gateway's word isn't taken."""

EXCHANGE = """
redis.call('SET', ARGV[2] .. ARGV[1], ARGV[3], 'PX', ARGV[4])
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if redis.call('SCARD', KEYS[1]) > tonumber(ARGV[6]) then
    return redis.error_reply('more than ' .. ARGV[6] .. ' gateways share their load here')
end
local said = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
    if id ~= ARGV[1] then
        local word = redis.call('GETRANGE', ARGV[2] .. id, 0, ARGV[5])
        if word == '' then
            redis.call('SREM', KEYS[1], id)
        else
            said[#said + 1] = word
        end
    end
end
return said
"""
"""Says what is outstanding here and returns what the others have said, in one question.

KEYS: the set of gateways' ids. ARGV: our id, what stands before an id in the key of its word, our word, milliseconds
that it stands, most bytes of a word, most gateways.
"""

_decode = msgspec.json.Decoder(dict[str, int]).decode


class LoadSharing:
    """Keeps `Load.elsewhere` of `workers` at the sum of what other gateways have outstanding there.

    Workers are told apart by their URLs. Nothing waits for Redis: where it can't be asked, what it said last fades to
    nothing within `STALE_S`, and balancing goes by the gateway's own knowledge.
    """

    def __init__(
        self, redis: Redis, workers: Callable[[], Iterable[Worker]], *, prefix: str, every_s: float = EVERY_S
    ) -> None:
        self.use = RedisUse("load", meanwhile="balancing goes by this process's own load")
        self._redis = redis
        self._workers = workers
        self._id = uuid.uuid4().hex
        self._index = f"{prefix}:loads"
        self._words = f"{prefix}:load:"
        self._exchange = redis.register_script(EXCHANGE)
        self._every_s = every_s
        self._heard: Counter[str] = Counter()
        self._heard_at = 0.0

    @asynccontextmanager
    async def kept(self) -> AsyncGenerator[None]:
        """Exchange loads for as long as the context lasts, and then say no more."""
        try:
            async with meanwhile(self._keep()):
                yield
        finally:
            await self._fall_silent()

    async def _keep(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._every_s):
                    said = await self._say()
            except (RedisError, OSError) as error:  # a TimeoutError is an OSError
                self.use.failed(reason_of(error))
            else:
                self.use.answered()
                self._heard, self._heard_at = total(said), time.monotonic()
            self._apply()
            await asyncio.sleep(self._every_s)

    async def _say(self) -> Sequence[bytes]:
        own = {worker.url: tokens for worker in self._workers() if (tokens := worker.load.outstanding)}
        arguments = (self._id, self._words, msgspec.json.encode(own), round(STALE_S * 1_000))
        answer = await self._exchange(keys=[self._index], args=(*arguments, MAX_WORD_BYTES, MAX_GATEWAYS))
        return cast("list[bytes]", answer)

    def _apply(self) -> None:
        """Set what is outstanding elsewhere: as heard while that is fresh, and ever less of it later."""
        late_s = time.monotonic() - self._heard_at - 2 * self._every_s
        share = min(1.0, max(0.0, 1.0 - late_s / (STALE_S - 2 * self._every_s)))
        for worker in self._workers():
            worker.load.elsewhere = round(share * self._heard[worker.url])

    async def _fall_silent(self) -> None:
        with suppress(RedisError, OSError):
            async with asyncio.timeout(self._every_s):
                await self._redis.delete(self._words + self._id)


def total(words: Iterable[bytes]) -> Counter[str]:
    """Return the tokens by worker of what gateways have said; a word that can't be read says nothing."""
    tokens: Counter[str] = Counter()
    for word in words:
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            tokens.update({url: min(MOST_OUTSTANDING, max(0, count)) for url, count in _decode(word).items()})
    return tokens
