"""The signatures of the functions that scripts call."""

from __future__ import annotations

import inspect

import towline


def signature(function: str) -> str:
    """Return ``towline.<function>(…)`` with names and defaults, without types."""
    found = inspect.signature(getattr(towline, function))
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in found.parameters.values()]
    shown = found.replace(parameters=bare, return_annotation=inspect.Signature.empty)
    return f"```text\ntowline.{function}{shown}\n```"
