"""The shell lines that a worker's job runs before its worker."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

_OWN_PYTHON_ONLY = """\
unset PYTHONPATH PYTHONHOME
export PYTHONNOUSERSITE=1"""
"""A stray variable or a package in the user's site folder would beat the environment's own."""

_FIND_MODULES = """\
if ! command -v module >/dev/null 2>&1; then
  for towline_init in "${MODULESHOME:-/usr/share/modules}/init/sh" /etc/profile.d/modules.sh \\
      /etc/profile.d/lmod.sh /etc/profile.d/z00_lmod.sh /usr/share/lmod/lmod/init/sh; do
    if [ -r "$towline_init" ]; then . "$towline_init"; break; fi
  done
fi"""
"""A job's shell reads no profile, and that is where sites define ``module``."""


def of_prefix(prefix: str, before: str = "") -> str:
    """Return the lines that put an environment's folder in front; `before` runs first."""
    path = f'export PATH={shlex.quote(f"{prefix}/bin")}:"$PATH"'
    return _joined(before, _OWN_PYTHON_ONLY, path)


def of_conda_folder(prefix: str, variables: Mapping[str, str], before: str = "") -> str:
    """Return the lines that activate a conda environment by its folder, without any conda there."""
    scripts = shlex.quote(f"{prefix}/etc/conda/activate.d")
    settings = {
        "CONDA_PREFIX": prefix,
        "CONDA_DEFAULT_ENV": prefix,
        "CONDA_SHLVL": "1",
        **variables,
    }
    return _joined(
        before,
        _OWN_PYTHON_ONLY,
        f'export PATH={shlex.quote(f"{prefix}/bin")}:"$PATH"',
        *(f"export {name}={shlex.quote(value)}" for name, value in settings.items()),
        f"for towline_script in {scripts}/*.sh; do",
        '  if [ -r "$towline_script" ]; then . "$towline_script"; fi',
        "done",
    )


def of_conda(conda_dir: str, name: str, before: str = "") -> str:
    """Return the lines that activate a conda environment, by name or by folder."""
    script = shlex.quote(f"{conda_dir}/etc/profile.d/conda.sh")
    missing = shlex.quote(f"towline: {conda_dir}: there is no conda here")
    return _joined(
        before,
        _OWN_PYTHON_ONLY,
        f"if [ ! -r {script} ]; then echo {missing} >&2; exit 97; fi",
        f". {script}",
        f"conda activate {shlex.quote(name)} || exit 97",
    )


def of_site(before: str = "") -> str:
    """Return the lines for the Python that the site's modules or the user's lines bring."""
    return _joined("export PYTHONNOUSERSITE=1", before)


def site_lines(modules: Iterable[str], init: Iterable[str]) -> str:
    """Return the lines that load modules and then run the user's own lines."""
    lines = []
    for module in modules:
        words = shlex.split(module)
        lines.append(shlex.join(words if words[:1] == ["module"] else ["module", "load", *words]))
    if lines:
        lines.insert(0, _FIND_MODULES)
    return "\n".join([*lines, *init])


def _joined(*parts: str) -> str:
    return "\n".join(part for part in parts if part) + "\n"
