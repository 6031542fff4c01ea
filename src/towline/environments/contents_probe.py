"""Say which packages this Python has, and which of their files are not as they were installed.

Runs on the cluster with an environment's own Python, with the standard library only. Arguments:
folders whose packages count. Prints ``@@package=NAME VERSION`` and ``@@changed=NAME PATH``.
"""

import base64
import glob
import hashlib
import json
import os
import re
import sys
from importlib.metadata import distributions

NOT_SENT = ("direct_url.json", "uv_cache.json", "INSTALLER", "REQUESTED")
"""Notes of an installer about the workspace: left out, or written anew."""


def name_of(name):  # type: (str) -> str
    """Return a package's name, normalised."""
    return re.sub(r"[-_.]+", "-", name).lower()


def changed(distribution):  # type: (object) -> list[str]
    """Return the files that are missing or have another content than the installer noted."""
    found = []
    for file in distribution.files or ():  # type: ignore[attr-defined]
        if file.hash is None or str(file).startswith("..") or file.name in NOT_SENT:
            continue
        try:
            with open(str(file.locate()), "rb") as opened:  # noqa: PTH123
                digest = hashlib.new(file.hash.mode, opened.read()).digest()
        except OSError:
            found.append(str(file))
            continue
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != file.hash.value:
            found.append(str(file))
    return found


def conda_packages(folder):  # type: (str) -> tuple[dict[str, tuple[str, list[str]]], set[str]]
    """Return version and changed files of each conda package, and all files of theirs."""
    found, owned = {}, set()  # type: dict[str, tuple[str, list[str]]], set[str]
    for record in sorted(glob.glob(os.path.join(folder, "conda-meta", "*.json"))):  # noqa: PTH118, PTH207
        with open(record) as opened:  # noqa: PTH123
            about = json.load(opened)
        owned.update(about.get("files", ()))
        touched = []
        for path in about.get("paths_data", {}).get("paths", ()):
            # Files that the installer writes its folder into have another hash on each machine.
            if path.get("prefix_placeholder") or path.get("path_type") != "hardlink":
                continue
            wanted = path.get("sha256_in_prefix") or path.get("sha256")
            if wanted and digest_of(os.path.join(folder, path["_path"])) != wanted:  # noqa: PTH118
                touched.append(path["_path"])
        found[name_of(about["name"])] = (about["version"], touched)
    return found, owned


def digest_of(path):  # type: (str) -> str
    """Return a file's hash; empty when it is gone."""
    try:
        with open(path, "rb") as opened:  # noqa: PTH123
            return hashlib.sha256(opened.read()).hexdigest()
    except OSError:
        return ""


def main(folders):  # type: (list[str]) -> None
    """Print what there is to say."""
    inside = tuple(os.path.realpath(folder) + os.sep for folder in folders)
    seen = set()
    owned = set()  # type: set[str]
    for folder in folders:
        packages, files = conda_packages(folder)
        owned.update(os.path.realpath(os.path.join(folder, file)) for file in files)  # noqa: PTH118
        for name, (version, touched) in packages.items():
            say(name, version, touched)
    for distribution in distributions():
        place = os.path.realpath(str(distribution.locate_file("")))
        name = distribution.metadata["Name"]
        if not name or name_of(name) in seen or not (place + os.sep).startswith(inside):
            continue
        seen.add(name_of(name))
        about = str(getattr(distribution, "_path", ""))
        if os.path.realpath(os.path.join(about, "METADATA")) not in owned:  # noqa: PTH118
            say(name_of(name), distribution.version, changed(distribution))
    print("@@end=ok")


def say(name, version, touched):  # type: (str, str, list[str]) -> None
    """Print a package."""
    print(f"@@package={name} {version}")
    for file in touched:
        print(f"@@changed={name} {file}")


main(sys.argv[1:])
