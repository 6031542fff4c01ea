"""A function that measures itself on the worker, and what comes back of its calls."""

from __future__ import annotations

import ast
import functools
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost
from parsl.serialize import deserialize
from parsl.serialize.errors import DeserializationError

_FACTS = struct.Struct("<?BdddQ?")
_EXPRESSION = (
    "exec(__import__('zlib').decompress(source), globals()) "
    "or measured(function, globals().get('shrink'))"
)

_COMPRESSED = 2
"""How a result was packed: 0 not at all, 1 serialised, 2 compressed, too."""

MESSAGE_LENGTH = 200
"""Of an error's message, in characters."""


class Measured:
    """A function as it is sent to a worker: with the text that measures its calls.

    Pickled by value, it needs neither Towline nor a file on the worker. It is equal to another of
    an equal function, so that Parsl serialises each function once, as without us.

    Args:
        function: the app's.
        compress: have the worker compress large results, where that pays.

    """

    def __init__(self, function: Callable[..., Any], compress: bool = False) -> None:
        self.function = function
        self.compress = compress
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, as on the workspace nothing needs to be measured."""
        return self.function(*args, **kwargs)

    def __hash__(self) -> int:
        return hash(self.function)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Measured)
            and self.compress == other.compress
            and self.function == other.function
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how a worker makes the measuring function: by running the text that comes along."""
        return eval, (_EXPRESSION, {"source": _source(self.compress), "function": self.function})


@functools.cache
def _source(compress: bool) -> bytes:
    """Return the text for workers packed, without what only people read: it goes with each task."""
    names = ("measure.py", "shrink.py") if compress else ("measure.py",)
    texts = [(Path(__file__).parent / name).read_text(encoding="utf-8") for name in names]
    bare = [ast.unparse(_Bare().visit(ast.parse(text))) for text in texts]
    return zlib.compress("\n".join(bare).encode(), 9)


class _Bare(ast.NodeTransformer):
    """Takes docstrings and annotations out, and what is imported for these."""

    def visit_Module(self, node: ast.Module) -> ast.AST:
        node.body = [each for each in node.body if not isinstance(each, ast.ImportFrom)]
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node


def unpack(answer: Any) -> tuple[dict[str, Any], Any, BaseException | None]:
    """Return what a call took, its result, and its error when it has failed.

    Raises:
        TypeError, ValueError, struct.error: the answer is not that of a measured function.

    """
    head, value = answer
    failed, packed, start, seconds, cpu, memory, grew = _FACTS.unpack_from(head)
    facts = {
        "start": round(start, 4),
        "seconds": round(seconds, 6),
        "cpu": round(cpu, 4),
        "memory": memory,
        "grew": grew,
        **_identity(head[_FACTS.size :]),
    }
    if not packed:
        return facts, value, None
    try:
        value = deserialize(zlib.decompress(value) if packed == _COMPRESSED else value)
        return (facts, None, value.get_exception()) if failed else (facts, value, None)
    except Exception as error:
        words = f"{'Error' if failed else 'Result'} of the task cannot be unpacked here: {error!r}"
        return facts, None, DeserializationError(words)


@functools.lru_cache(maxsize=4096)
def _identity(packed: bytes) -> dict[str, Any]:
    host, block, pool, worker, pid = packed.decode(errors="replace").split("\n")
    return {"host": host, "block": block, "pool": pool, "worker": worker, "pid": int(pid)}


def failure(error: BaseException) -> dict[str, Any]:
    """Return how a try ended that brought no result: its state, the error, and what it tells.

    The state is ``lost`` when worker or node went away: the task itself may be innocent.
    """
    facts: dict[str, Any] = {"state": "failed", "error": type(error).__name__}
    if isinstance(error, (ManagerLost, WorkerLost)):
        facts |= {"state": "lost", "host": str(error.hostname)}
    if isinstance(error, WorkerLost):
        facts["worker"] = str(error.worker_id)
    if text := " ".join(_text(error).split()):
        facts["text"] = text[:MESSAGE_LENGTH]
    return facts


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""
