"""Towline: write one Parsl script, run its apps on every cluster you can reach by SSH.

Example::

    import parsl, towline

    @parsl.python_app(executors=["myexecutor_1"])
    def hello(name):
        return f"hello {name}"

    with towline.load("executors.json"):
        print(hello("world").result())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from towline.client import AsyncClient, Client
    from towline.runs.inputs import inputs
    from towline.runs.loading import config, load

__all__ = ["AsyncClient", "Client", "config", "inputs", "load"]


def __getattr__(name: str) -> Any:
    """Import Parsl and the rooms only when they are asked for: the command line stays fast."""
    if name in ("AsyncClient", "Client"):
        from towline import client

        return getattr(client, name)
    if name == "inputs":
        from towline.runs.inputs import inputs

        return inputs
    if name in __all__:
        from towline.runs import loading

        return getattr(loading, name)
    raise AttributeError(f"module 'towline' has no attribute {name!r}")
