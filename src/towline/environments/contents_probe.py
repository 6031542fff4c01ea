"""Say which packages this Python has, and which of their files are not as they were installed.

Runs on the cluster with an environment's own Python, with the standard library only. Arguments:
folders whose packages count. Prints ``@@package=NAME VERSION`` and ``@@changed=NAME PATH``.
"""

import base64
import hashlib
import os
import re
import sys
from importlib.metadata import distributions


def name_of(name):  # type: (str) -> str
    """Return a package's name, normalised."""
    return re.sub(r"[-_.]+", "-", name).lower()


def changed(distribution):  # type: (object) -> list[str]
    """Return the files that are missing or have another content than the installer noted."""
    found = []
    for file in distribution.files or ():  # type: ignore[attr-defined]
        if file.hash is None or str(file).startswith(".."):
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


def main(folders):  # type: (list[str]) -> None
    """Print what there is to say."""
    inside = tuple(os.path.realpath(folder) + os.sep for folder in folders)
    seen = set()
    for distribution in distributions():
        place = os.path.realpath(str(distribution.locate_file("")))
        name = distribution.metadata["Name"]
        if not name or name_of(name) in seen or not (place + os.sep).startswith(inside):
            continue
        seen.add(name_of(name))
        print(f"@@package={name_of(name)} {distribution.version}")
        for file in changed(distribution):
            print(f"@@changed={name_of(name)} {file}")
    print("@@end=ok")


main(sys.argv[1:])
