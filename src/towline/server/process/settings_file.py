"""``server.yaml``: how this machine's server is started when the command line does not say."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from towline.errors import DefinitionError
from towline.folders import config_folder
from towline.server.settings import Settings

KEYS: dict[str, tuple[type, ...]] = {
    "host": (str,),
    "port": (int,),
    "origins": (str, list),
    "behind_proxy": (bool,),
    "database": (str,),
    "tls_cert": (str,),
    "tls_key": (str,),
    "login_days": (int, float),
}


def settings_path() -> Path:
    """Return where the file is looked for."""
    return config_folder() / "server.yaml"


def read_settings(**given: Any) -> Settings:
    """Return the settings of the file, and over them those given that are not None.

    Raises:
        DefinitionError: when the file cannot be read, has an unknown key or a value of a wrong
            type; or the settings do not fit together.

    """
    values = {**_from_file(settings_path()), **{k: v for k, v in given.items() if v is not None}}
    if "port" not in values:
        values["any_port"] = True
    origins = values.get("origins", ())
    values["origins"] = (origins,) if isinstance(origins, str) else tuple(origins)
    for name in ("tls_cert", "tls_key"):
        if isinstance(values.get(name), str):
            values[name] = Path(values[name]).expanduser()
    return Settings(**values)


def _from_file(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DefinitionError(str(path), f"cannot be read: {error}", f"edit {path}") from error
    if not isinstance(found, dict):
        raise DefinitionError(str(path), "must hold 'key: value' lines", f"edit {path}")
    for key, value in found.items():
        if key not in KEYS:
            near = difflib.get_close_matches(str(key), KEYS, 1)
            raise DefinitionError(
                str(path),
                f"there is no key {key}",
                f"did you mean {near[0]}?" if near else f"the keys are {', '.join(KEYS)}",
            )
        wrong = isinstance(value, bool) != (KEYS[key] == (bool,))
        if wrong or not isinstance(value, KEYS[key]):
            kinds = " or ".join(kind.__name__ for kind in KEYS[key])
            raise DefinitionError(str(path), f"{key} must be a {kinds}", f"edit {path}")
    return found
