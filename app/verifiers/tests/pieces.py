"""Pieces of Python in a text: what each defines and needs, and where code without a fence begins and ends."""

from __future__ import annotations

import ast
import builtins
import re
import textwrap
import warnings
from functools import cached_property

import msgspec

from app.answers.reading.fences import lines_of

MAX_PARSED = 65_536
"""Characters of one piece that are parsed, which holds up all else for as much as a tenth of a second.

Longer ones are taken as they are, and only searched for definitions.
"""

_MAX_ATTEMPTS = 24
_MAX_STEPS = 5
_MAX_PROSE = 32_768
_BUILTINS = frozenset(dir(builtins))
_DEFINED = re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.MULTILINE)
_METHOD = re.compile(r"^[ \t]+(?:async[ \t]+)?def[ \t]+(\w+)", re.MULTILINE)
_MAX_BEGINNING = 200
_BEGINS = re.compile(
    r"(?:(?:async[ \t]++)?def[ \t]++\w++[ \t]*+[(\[]|class[ \t]++\w++[ \t]*+[:(\[]|@\w"
    r"|import[ \t]++[\w.]++(?:[ \t]++as[ \t]++\w++)?+"
    r"(?:[ \t]*+,[ \t]*+[\w.]++(?:[ \t]++as[ \t]++\w++)?+)*+[ \t]*+(?:#.*)?$"
    r"|from[ \t]++[\w.]++[ \t]++import[ \t]++[\w(*]|if[ \t]++__name__\b"
    r"|(?:while|for|try|with)\b.*:[ \t]*+(?:#.*)?$"
    r"|print[ \t]*+\(|[A-Za-z_][\w, .\[\]]*+(?::[\t]*+[\w\[\], .|]++)?+[\t]*+[-+*/%]?=(?!=))"
)
"""How a line of code may begin; no quantifier gives back what it took, so that a line made for it can't take long."""


_IMPORTS = (ast.Import, ast.ImportFrom)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_READERS = frozenset({"input", "stdin", "fileinput"})
_WRITERS = frozenset({"print", "stdout"})
_LIMITS = frozenset({"setrecursionlimit", "set_int_max_str_digits", "stack_size"})


class Definition(msgspec.Struct, frozen=True):
    """Lines that define names at the top level of a piece, and the names that they need."""

    names: frozenset[str]
    needs: frozenset[str]
    source: str


class Piece(msgspec.Struct, frozen=True, dict=True):
    """One piece of code."""

    code: str

    @cached_property
    def module(self) -> ast.Module | None:
        """The syntax tree; None for what isn't Python."""
        return parsed(self.code)

    @cached_property
    def definitions(self) -> list[Definition]:
        """What stands at the top level and gives something a name."""
        body = self.module.body if self.module else []
        lines = lines_of(self.code)
        return [_definition(node, lines) for node in body if _names(node)]

    @cached_property
    def places(self) -> dict[str, int]:
        """Where in `definitions` a name is defined last."""
        return {name: place for place, one in enumerate(self.definitions) for name in one.names}

    @cached_property
    def needs(self) -> frozenset[str]:
        """The names that it uses and doesn't define anywhere."""
        return _used(self.module) if self.module else frozenset()

    @property
    def acts(self) -> bool:
        """Whether it is more than bare values, such as the output of a program."""
        body = self.module.body if self.module else []
        return any(map(_acts, body))

    @property
    def defines_something(self) -> bool:
        """Whether it defines a function or a class."""
        return bool(_DEFINED.search(self.code))

    @property
    def reads(self) -> bool:
        """Whether it reads standard input, as far as names say."""
        return any(isinstance(part, ast.Name | ast.Attribute) and _name(part) in _READERS for part in self._parts)

    @property
    def prints(self) -> bool:
        """Whether it prints something, as far as names say."""
        return any(isinstance(part, ast.Name | ast.Attribute) and _name(part) in _WRITERS for part in self._parts)

    @property
    def only_defines(self) -> bool:
        """Whether it does nothing but give names to things."""
        return bool(self.module) and all(_names(node) or _is_text(node) for node in self._body)

    @property
    def only_calls(self) -> bool:
        """Whether it does nothing but call what is defined elsewhere, as `main()` does."""
        return bool(self._body) and all(map(_is_call, self._body))

    @property
    def prepares(self) -> bool:
        """Whether it only imports, and does so by `*` or sets a limit of Python's, for all that comes behind it."""
        calls = [node for node in self._body if not isinstance(node, _IMPORTS)]
        stars = any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in self._body)
        return all(map(_sets_limit, calls)) and (stars or bool(calls))

    def is_stub_of(self, entry_point: str) -> bool:
        """Whether all that it has of the entry point is a head without a body."""
        name = entry_point.rpartition(".")[2]
        found = [part for part in self._parts if isinstance(part, _FUNCTIONS) and part.name == name]
        return bool(found) and all(map(_is_empty, found))

    @property
    def _body(self) -> list[ast.stmt]:
        return self.module.body if self.module else []

    @cached_property
    def _parts(self) -> list[ast.AST]:
        return list(ast.walk(self.module)) if self.module else []

    def defines(self, entry_point: str) -> bool:
        """Whether it defines `f`, `Class.f`, or `f` as a method of `Solution`; to import it is not to define it."""
        owner, _, name = entry_point.rpartition(".")
        if self.module is None:
            top, methods = set(_DEFINED.findall(self.code)), set(_METHOD.findall(self.code))
            return (name in top and not owner) or ((owner or "Solution") in top and name in methods)
        if not owner and any(name in _names(node) for node in self.module.body if not isinstance(node, _IMPORTS)):
            return True
        classes = [node for node in self.module.body if isinstance(node, ast.ClassDef)]
        return any(one.name == (owner or "Solution") and name in _members(one) for one in classes)


def unprompted(code: str) -> str:
    """Return what was typed in a session of Python's; any other code as it is."""
    lines = lines_of(code)
    if not lines[0].startswith(">>>"):
        return code
    return "\n".join(line[4:] for line in lines if line.startswith((">>>", "...")))


def parsed(code: str) -> ast.Module | None:
    """Return the syntax tree of a module; None for what Python wouldn't run, a `return` outside a function included."""
    if len(code) > MAX_PARSED:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the model wrote may deserve them, but the server's log doesn't
            module = ast.parse(code)
            compile(module, "program.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last is what deep nesting gives
        return None
    return module


def unfenced(text: str) -> list[Piece]:
    """Return the pieces of Python that stand between lines of prose, in their order.

    A piece begins at a line that looks like code, at any indentation, and goes on for as long as all of it is Python
    and something follows. Only the last 32,768 characters are looked at, and no more than 24 beginnings are tried, so
    that a text made for it can't take long.
    """
    lines = lines_of(text[-_MAX_PROSE:])
    pieces: list[Piece] = []
    at = attempts = 0
    while at < len(lines) and attempts < _MAX_ATTEMPTS:
        if not _BEGINS.match(lines[at].lstrip()[:_MAX_BEGINNING]):
            at += 1
            continue
        attempts += 1
        code, length = _longest(_reachable(lines[at:]))
        if code:
            pieces.append(Piece(code))
        at += max(length, 1)
    return pieces


def _reachable(lines: list[str]) -> list[str]:
    """Return the lines, less their common indentation, up to one that is indented less than the first."""
    margin = len(lines[0]) - len(lines[0].lstrip())
    if not margin:
        return lines
    end = next((n for n, line in enumerate(lines) if line.strip() and len(line) - len(line.lstrip()) < margin), None)
    return textwrap.dedent("\n".join(lines[:end])).split("\n")


def _longest(lines: list[str]) -> tuple[str, int]:
    """Return the longest beginning that is Python, found in a few steps, and how many lines it has; or nothing.

    Where the whole isn't Python, the parser says in which line it noticed, which is in the prose behind the code or,
    for words that happen to be Python, a line or two behind its beginning.
    """
    end = len(lines)
    for _ in range(_MAX_STEPS):
        code = "\n".join(lines[:end])
        wrong = _wrong_line(code)
        if wrong is None:
            return _without_words(code), end
        end = min(wrong - 1, end - 1)
        while end > 0 and not lines[end - 1].strip():
            end -= 1
        if end <= 0:
            break
    return "", 0


def _without_words(code: str) -> str:
    """Return the code up to its last statement that does something: a lone word at the end is prose."""
    module = parsed(code)
    ends = [node.end_lineno for node in module.body if _acts(node)] if module else []
    return "\n".join(lines_of(code)[: ends[-1]]) if ends else ""


def _acts(node: ast.stmt) -> bool:
    return not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call | ast.Await)


def _wrong_line(code: str) -> int | None:
    """Return the line, counted from 1, in which the parser finds that this isn't Python; 0 where it can't say."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(code, "program.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 0
    except (ValueError, RecursionError, MemoryError):
        return 0
    return None


def _definition(node: ast.stmt, lines: list[str]) -> Definition:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else []
    first = min(part.lineno for part in (node, *decorators))
    return Definition(frozenset(_names(node)), _used(node), "\n".join(lines[first - 1 : node.end_lineno]))


def _names(node: ast.AST) -> set[str]:
    """Return the names that a statement gives."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return {node.name}
        case ast.Import() | ast.ImportFrom():
            return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        case ast.Assign():
            stored = [name for target in node.targets for name in ast.walk(target)]
            return {name.id for name in stored if isinstance(name, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case _:
            return set()


def _members(owner: ast.ClassDef) -> set[str]:
    return {name for node in owner.body for name in _names(node)}


def _used(node: ast.AST) -> frozenset[str]:
    """Return the names that are read and given nowhere within; a name given in one function counts for all."""
    read, given = set[str](), set[str]()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            (read if isinstance(part.ctx, ast.Load) else given).add(part.id)
        elif isinstance(part, ast.arg):
            given.add(part.arg)
        elif isinstance(part, ast.ExceptHandler) and part.name:
            given.add(part.name)
        else:
            given |= _names(part)
    return frozenset(read - given - _BUILTINS)


def _name(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_call(node: ast.stmt) -> bool:
    """Whether it is a call, or some under `if __name__ == "__main__"`."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Compare) and all(map(_is_call, node.body)) and not node.orelse
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)


def _sets_limit(node: ast.stmt) -> bool:
    call = node.value if isinstance(node, ast.Expr) else None
    function = call.func if isinstance(call, ast.Call) else None
    return isinstance(function, ast.Name | ast.Attribute) and _name(function) in _LIMITS


def _is_empty(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether nothing is in it but `...`, `pass`, a docstring or `raise NotImplementedError`."""
    return all(isinstance(node, ast.Pass | ast.Raise) or _is_text(node) for node in function.body)
