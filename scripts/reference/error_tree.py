"""The tree of errors, from errors.py."""

from __future__ import annotations

import inspect

from reference.markdown import cell
from towline import errors


def error_tree() -> str:
    """Return the drawing at the top of errors.py."""
    drawing = inspect.getdoc(errors).partition("::\n")[2].partition("\n\nA user's script")[0]  # type: ignore[union-attr]
    return f"```text\n{inspect.cleandoc(drawing)}\n```"


def error_classes() -> str:
    """Return a table of all errors: name, exit code, meaning."""
    rows = [
        f"| `{name}` | {kind.exit_code} | {cell(inspect.getdoc(kind).splitlines()[0])} |"  # type: ignore[union-attr]
        for name, kind in vars(errors).items()
        if inspect.isclass(kind)
        and issubclass(kind, errors.TowlineError)
        and kind is not errors.TowlineError
    ]
    return "\n".join(["| error | exit code | meaning |", "| --- | --- | --- |", *rows])
