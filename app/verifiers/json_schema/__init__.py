"""The verifier `json_schema`; the modules beside it check schemas and documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field

from app.answers.json import Json
from app.verifiers.base import PASS, Verifier, answer_of, failed, no_answer
from app.verifiers.json_schema.schemas import check_schema, violations

if TYPE_CHECKING:
    from app.candidates import Candidate, Verdict
    from app.verifiers.base import VerifierTools

Schema: TypeAlias = dict[str, Any] | bool

_TIME_LIMIT_S = 2.0


def _checked(schema: Schema) -> Schema:
    """Return the schema if it is one; raise ValueError otherwise."""
    check_schema(schema)
    return schema


class JsonSchemaVerifier(Verifier):
    """Passes a candidate whose JSON document is valid under `schema`.

    The document is the answer extracted from the candidate if that is JSON, or else what the answer `json` finds, or
    else the whole text, which may be a lone number or string.
    The schema is of draft 2020-12; `format` is not checked, as that draft has it. It may refer to its own parts and
    to nothing else. Its bounds are 65,536 characters, 1,000 objects and lists, and 64 levels of nesting.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    reads_json: ClassVar[bool] = True

    example: ClassVar[dict[str, object]] = {"schema": {"type": "object", "required": ["apples"]}}

    type: Literal["json_schema"] = "json_schema"
    definition: Annotated[Schema, AfterValidator(_checked)] = Field(
        alias="schema", description="A JSON Schema of draft 2020-12."
    )

    async def verify(self, candidate: Candidate, tools: VerifierTools) -> Verdict:
        """Return whether the candidate's document is valid; raises TimeoutError where that can't be told in time."""
        answer = await answer_of(candidate, "json", tools.question, [Json()])
        document = candidate.reply.text if answer is None else answer.text
        found = await tools.offload.call(violations, self.definition, document, timeout_s=_TIME_LIMIT_S)
        if found is None:
            return no_answer() if answer is None else failed("The final answer is not valid JSON.")
        return failed("\n".join(found)) if found else PASS
