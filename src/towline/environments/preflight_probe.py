"""Say what this Python is, and whether Parsl's worker can start on it.

Runs on the cluster under any Python from 2.7, with the standard library only. Arguments: compiled
modules to try to load. Prints one line: ``@@python=`` and JSON.
"""
# ruff: noqa: PTH119, PTH120, UP031 - Python 2.7 has no better way

import json
import os
import platform
import re
import sys


def packages():  # type: () -> dict[str, str]
    """Return the version of each installed package by its normalised name."""
    try:
        from importlib.metadata import distributions
    except ImportError:
        return {}
    found = {}  # type: dict[str, str]
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), distribution.version)
    return found


def unloadable(modules):  # type: (list[str]) -> dict[str, str]
    """Return why the loader refuses each of the compiled modules that it refuses."""
    import ctypes

    refused = {}
    for module in modules:
        try:
            ctypes.CDLL(module)
        except OSError as error:
            refused[os.path.basename(module)] = str(error)
    return refused


def main():  # type: () -> None
    """Print what there is to say."""
    about = {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "prefix": sys.prefix,
        "arch": platform.machine(),
    }  # type: dict[str, object]
    try:
        import parsl

        about["parsl"] = parsl.__version__
        about["parsl_from"] = os.path.dirname(parsl.__file__)
        import parsl.executors.high_throughput.process_worker_pool
    except BaseException as error:
        about["worker_error"] = "%s: %s" % (type(error).__name__, error)
    about["packages"] = packages()
    about["unloadable"] = unloadable(sys.argv[1:]) if len(sys.argv) > 1 else {}
    print("@@python=" + json.dumps(about, sort_keys=True))


main()
