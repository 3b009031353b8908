"""Which source a study reaches, and its digest: editing it makes the cells it computed stale.

Sources are found and parsed, never imported: a claim can be listed without loading what it would run.
"""

from __future__ import annotations

import ast
import hashlib
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterable

OURS = ("suite", "baselines")


@cache
def _file(module: str) -> Path | None:
    """The file of a module; None if there is none (a folder without ``__init__.py`` holds no code)."""
    top, *below = module.split(".")
    spec = find_spec(top)  # of a top-level name this imports nothing
    if spec is None:
        return None
    if not below:
        return Path(spec.origin) if spec.origin else None
    for root in spec.submodule_search_locations or ():
        place = Path(root, *below)
        for file in (place / "__init__.py", place.with_suffix(".py")):
            if file.is_file():
                return file
    return None


def folder_of(package: str) -> Path:
    """The folder of a package, which is not imported.

    Raises:
        SuiteError: there is none.
    """
    return _source(package).parent


def _source(module: str) -> Path:
    file = _file(module)
    if file is None:
        raise SuiteError(f"no module named {module}: is it spelled as its file is?")
    return file


def _is_typing_flag(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


class _Executed(ast.NodeTransformer):
    """Leaves what can change a result: no docstrings, nothing for type checkers alone, no release number."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if _is_typing_flag(node.test):
            return node.orelse
        if isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not):
            return node.body if _is_typing_flag(node.test.operand) else node
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if text else self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        release = [target.id for target in node.targets if isinstance(target, ast.Name)] == ["__version__"]
        return None if release else self.generic_visit(node)


@cache
def tree(module: str) -> ast.Module:
    """A module's source as it runs: without docstrings and what type checkers alone read.

    Raises:
        SuiteError: there is no such module.
    """
    file = _source(module)
    parsed = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    executed: ast.Module = _Executed().visit(parsed)
    return executed


@cache
def imports(module: str) -> frozenset[str]:
    """Our own modules that a module imports directly when it runs, packages' ``__init__`` included."""
    package = module if _source(module).name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)  # a module, or a name in one
    ours = {name for name in found if name.split(".")[0] in OURS}
    parents = {".".join(name.split(".")[:depth]) for name in ours for depth in range(1, len(name.split(".")))}
    return frozenset(name for name in ours | parents if _file(name) is not None)


def closure(modules: Iterable[str]) -> list[str]:
    """Our own modules reachable through import statements, sorted."""
    pending, reached = list(modules), set[str]()
    while pending:
        module = pending.pop()
        if module not in reached:
            reached.add(module)
            pending.extend(imports(module))
    return sorted(reached)


def _outline(node: Any) -> Any:
    """A syntax tree as nested lists without empty fields, of which every release of Python has some more."""
    if isinstance(node, ast.AST):
        fields = [[name, _outline(value)] for name, value in ast.iter_fields(node) if value not in (None, [])]
        return [type(node).__name__, *fields]
    return [_outline(item) for item in node] if isinstance(node, list) else repr(node)


@cache
def _module_digest(module: str) -> str:
    return hashlib.sha256(json.dumps(_outline(tree(module))).encode()).hexdigest()


@cache
def code_digest(*modules: str) -> str:
    """Digest of all source that the modules reach, 16 hexadecimal digits; comments and layout change nothing.

    Raises:
        SuiteError: a module does not exist.
    """
    total = hashlib.sha256()
    for module in closure(modules):
        total.update(f"{module}:{_module_digest(module)};".encode())
    found = total.hexdigest()[:16]
    _OF[found] = modules
    return found


_OF: dict[str, tuple[str, ...]] = {}  # what this process took digests of


def modules_of(digest: str) -> tuple[str, ...]:
    """The modules of which this process took a digest; empty if it did not."""
    return _OF.get(digest, ())
