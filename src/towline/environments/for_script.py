"""What an environment needs beyond its file when the script itself runs on it: Towline."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires, version

from towline.environments.hashes import HashMemory
from towline.environments.installed import installed_here
from towline.environments.members import Member, members


def needs_of_towline() -> list[str]:
    """Return the requirement lines of what Towline needs; extras are the user's to choose."""
    try:
        needed = requires("towline") or []
    except PackageNotFoundError:
        needed = []
    return [line for line in needed if "extra ==" not in line]


def conda_library() -> list[str]:
    """Return the requirement line of the library that executors of kind conda need, if it is here.

    A script that stands on a conda environment as a rule has executors that do, too.
    """
    try:
        return [f"py-rattler=={version('py-rattler')}"]
    except PackageNotFoundError:
        return []


def towline_itself(minor: str, memory: HashMemory) -> list[Member]:
    """Return the files of Towline as it is installed here, at their place in an environment."""
    towline = installed_here().get("towline")
    return list(members(towline, minor, memory)) if towline else []
