"""What a test program does, as far as its text says."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CHECK = "check"
_TEST = "test_"


class TestProgram(msgspec.Struct, frozen=True, kw_only=True):
    """A test program: whether it is `idle`, as it only defines things, and which of its functions to call behind it.

    Those are `check`, where nothing calls it, and the functions `test_...` of one that would be idle otherwise.
    """

    __test__ = False

    idle: bool
    uncalled: tuple[str, ...]

    @classmethod
    def read(cls, program: str) -> TestProgram:
        """Return what the program does; of what isn't Python that is nothing, and the harness says so."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                body = ast.parse(program).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return cls(idle=False, uncalled=())
        statements = list(_run(body))
        functions = {one.name: one for one in statements if isinstance(one, ast.FunctionDef)}
        called = {name for one in statements if one is not functions.get(_CHECK) for name in _called(one)}
        idle = all(map(_is_idle, statements))
        if _CHECK in functions and _CHECK not in called:
            return cls(idle=idle, uncalled=(_CHECK,))
        tests = [name for name, one in functions.items() if name.startswith(_TEST) and _takes_nothing(one)]
        return cls(idle=idle, uncalled=tuple(tests) if idle else ())


def _run(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that are run, those under an `if` and in a `try` included."""
    for one in body:
        match one:
            case ast.If():
                yield from _run([*one.body, *one.orelse])
            case ast.Try():
                yield from _run([*one.body, *one.orelse, *one.finalbody])
            case _:
                yield one


def _called(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
            yield part.func.id


def _takes_nothing(function: ast.FunctionDef) -> bool:
    takes = function.args
    return len(takes.posonlyargs + takes.args) == len(takes.defaults) and None not in takes.kw_defaults


def _is_idle(node: ast.stmt) -> bool:
    """Whether a statement only defines something, so that no candidate can fail it."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom() | ast.Pass():
            return True
        case ast.Expr(value=value) | ast.Assign(value=value):
            return all(isinstance(part, _DATA) for part in ast.walk(value))
        case _:
            return False


_DATA = (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.UnaryOp, ast.expr_context, ast.unaryop)
