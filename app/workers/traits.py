"""What differs between the engines that workers run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """How to ask an engine for several candidates, and what to add to each request.

    `batches`: siblings go into one request with `n`, which shares one prefill; otherwise each candidate is a request of
    its own, so that it can be stopped alone. `tells_load`: its metrics say how busy it is. `stream_options` and `quiet`
    are fields added to every request and to those whose chunks nobody watches.
    """

    name: str
    batches: bool = False
    tells_load: bool = False
    stream_options: Mapping[str, object] = field(default_factory=lambda: {"include_usage": True})
    quiet: Mapping[str, object] = field(default_factory=dict[str, object])


VLLM = Traits(
    name="vllm",
    tells_load=True,
    # Counts on every chunk: a candidate that is cut off has a price, up to the last chunk that came.
    stream_options={"include_usage": True, "continuous_usage_stats": True},
    # Eight tokens a chunk cost the engine and us an eighth of the work; of what is cut off, up to seven go uncounted.
    quiet={"stream_interval": 8},
)
LLAMA_CPP = Traits(name="llama.cpp", batches=True)
OPENAI = Traits(name="openai")

BY_OWNER = {"vllm": VLLM, "llamacpp": LLAMA_CPP}
"""Engines by the `owned_by` of their `/v1/models`; any other server is taken for a plain OpenAI one."""
