"""Where packages come from: the user's pip settings, told to uv.

uv reads its own settings, ``UV_*`` variables, netrc and the keyring by itself. What a site has
written down for pip only (an index, a proxy's certificate) is translated here, so that what pip
finds on the workspace uv finds, too. Values may hold passwords: they go into the environment of the
uv process and nowhere else.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

_SECTIONS = ("global", "install")

_UV_OWN_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
_UV_OWN_MORE = ("UV_INDEX", "UV_EXTRA_INDEX_URL")


def index_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that make uv use pip's indexes; what is said to uv itself wins.

    Args:
        environment: variables of the process, as in ``os.environ``.

    """
    pip = _pip_settings(environment)
    found: dict[str, str] = {}
    if pip.get("index-url") and not any(name in environment for name in _UV_OWN_INDEX):
        found["UV_DEFAULT_INDEX"] = pip["index-url"]
    if pip.get("extra-index-url") and not any(name in environment for name in _UV_OWN_MORE):
        more = [url for url in pip["extra-index-url"].split() if _may_be_there(url)]
        found |= {"UV_INDEX": " ".join(more)} if more else {}
    if pip.get("find-links") and "UV_FIND_LINKS" not in environment:
        places = [place for place in pip["find-links"].split() if _may_be_there(place)]
        found |= {"UV_FIND_LINKS": ",".join(places)} if places else {}
    if pip.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        found["UV_NO_INDEX"] = "1"
    if pip.get("cert") and "SSL_CERT_FILE" not in environment:
        found["SSL_CERT_FILE"] = pip["cert"]
    return found


def _pip_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return pip's settings, the later file and at last the environment winning, as in pip."""
    found: dict[str, str] = {}
    for file in _pip_files(environment):
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip would stop over it; what uv knows may do
        for section in _SECTIONS:
            if parser.has_section(section):
                found.update({key.replace("_", "-"): v for key, v in parser.items(section)})
    for name, value in environment.items():
        if name.startswith("PIP_") and value:
            found[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    return found


def _pip_files(environment: Mapping[str, str]) -> Iterator[Path]:
    named = environment.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    home = Path(environment.get("HOME") or Path.home())
    for folder in environment.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"):
        yield Path(folder, "pip/pip.conf")
    yield Path("/etc/pip.conf")
    yield home / ".pip/pip.conf"
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config", "pip/pip.conf")
    yield Path(sys.prefix, "pip.conf")
    if named:
        yield Path(named)


def _may_be_there(place: str) -> bool:
    """Return False for a folder that is not there: uv stops over it, pip passes it over."""
    parts = urlsplit(place)
    if parts.scheme in ("", "file"):
        return Path(parts.path or place).expanduser().exists()
    return True
