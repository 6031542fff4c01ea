"""What is checked of the user's wishes before a run is made: nothing has been started yet."""

from __future__ import annotations

import difflib
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from towline.errors import DefinitionError

_COMPILE = "import sys; p = sys.argv[1]; compile(open(p, 'rb').read(), p, 'exec')"
_COMPILE_SECONDS = 60


def check_script(script: Path, python: str, verbs: Sequence[str] = ()) -> None:
    """Make sure that a script is there, can be read, and is Python without syntax errors.

    Args:
        script: path of the script.
        python: interpreter that will run it; decides on the syntax.
        verbs: words that the user may have meant, such as ``list``.

    Raises:
        DefinitionError: says which, with the line of a syntax error.

    """
    if not script.exists():
        near = difflib.get_close_matches(str(script), verbs, 1)
        hint = f"towline run {near[0]}" if near else "towline run --help"
        raise DefinitionError(str(script), "there is no such file", hint)
    if script.is_dir():
        raise DefinitionError(str(script), "is a folder, not a script")
    try:
        source = script.read_bytes()
    except OSError as error:
        raise DefinitionError(
            str(script), f"cannot be read: {error.strerror}", f"ls -l {script}"
        ) from error
    if python == sys.executable:
        _compile_here(script, source)
    else:
        _compile_there(script, python)


def find_python(wanted: str | None) -> str:
    """Return the interpreter for the script: this one, or the one asked for.

    Raises:
        DefinitionError: when it cannot be found or run.

    """
    if wanted is None:
        return sys.executable
    path = shutil.which(Path(wanted).expanduser())
    if path is None:
        raise DefinitionError(
            f"--python {wanted}", "there is no such program", "give the path of an interpreter"
        )
    return os.path.abspath(path)  # noqa: PTH100 - a venv's python is a link not to be resolved


def read_overrides(words: Sequence[str]) -> dict[str, str]:
    """Return ``LABEL=NAME`` words as a mapping from executor label to cluster name.

    Raises:
        DefinitionError: when a word has another form, or a label comes twice.

    """
    overrides: dict[str, str] = {}
    for word in words:
        label, _, name = word.partition("=")
        if not label or not name:
            raise DefinitionError(
                f"--cluster {word}", "is not LABEL=NAME", "e.g. --cluster myexecutor_1=onprem"
            )
        if overrides.setdefault(label, name) != name:
            raise DefinitionError(
                f"--cluster {word}", f"{label} has been given {overrides[label]} already"
            )
    return overrides


def check_executors(executors: Path | None, overrides: dict[str, str]) -> set[str]:
    """Make sure that executor definitions and the clusters they name can be read.

    Without a file only the clusters of ``overrides`` are looked at: the script names the rest.

    Returns:
        The clusters' names.

    Raises:
        DefinitionError: names file, key and the nearest that exists.

    """
    names = set(overrides.values())
    if executors is not None:
        from towline.engine.definitions import load_executors

        file = load_executors(executors, clusters=overrides)
        names |= {definition.cluster for definition in file.executors.values()}
    if names - {"local"}:
        from towline.clusters import ClusterStore

        store = ClusterStore()
        for name in sorted(names - {"local"}):
            store.load(name)
    return names


def _compile_here(script: Path, source: bytes) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, str(script), "exec", dont_inherit=True)
    except SyntaxError as error:
        at = f"{script}:{error.lineno}" if error.lineno else str(script)
        line = (error.text or "").strip()
        cause = f"{error.msg}: {line}" if line else error.msg
        raise DefinitionError(at, f"is not Python: {cause}") from error
    except ValueError as error:
        raise DefinitionError(str(script), f"is not Python: {error}") from error


def _compile_there(script: Path, python: str) -> None:
    try:
        answer = subprocess.run(
            [python, "-W", "ignore", "-c", _COMPILE, str(script)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMPILE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DefinitionError(f"--python {python}", f"cannot be run: {error}") from error
    if answer.returncode != 0:
        words = answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"]
        raise DefinitionError(str(script), f"is not Python for {python}: {words[-1]}")
