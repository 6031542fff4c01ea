"""What the collections of a client have in common: `in`, or that it is refused in words.

A class with ``__getitem__`` and no ``__iter__`` is iterated by Python as a sequence, which asks it
for 0, 1, 2, … until an `IndexError` that never comes. So both kinds say what they do instead.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NoReturn, Protocol

from towline.errors import NotThere, RunNotFound, WorkflowNotFound

_NOT_THERE = (NotThere, RunNotFound, WorkflowNotFound)


class _OnServer(Protocol):
    def info(self) -> Any:
        """Ask the server for it."""


class SyncCollection(ABC):
    """A collection whose answers are waited for; it has ``__getitem__`` and ``__iter__``."""

    @abstractmethod
    def __getitem__(self, name: Any) -> _OnServer: ...

    def __contains__(self, thing: object) -> bool:
        """Return whether the server shows this to you: ``"onprem" in client.clusters``."""
        name = getattr(thing, "name", getattr(thing, "number", thing))
        if not isinstance(name, str | int) or name == "":
            return False
        try:
            self[name].info()
        except _NOT_THERE:
            return False
        return True


class AsyncCollection:
    """A collection whose answers are awaited; what Python cannot await is refused."""

    def __iter__(self) -> NoReturn:
        raise TypeError(f"{self._where} asks the server: async for … in {self._where}")

    def __contains__(self, thing: object) -> NoReturn:
        raise TypeError(f"{self._where} asks the server: await {self._where}[…].info()")

    @property
    def _where(self) -> str:
        return f"client.{type(self).__name__.lower()}"
