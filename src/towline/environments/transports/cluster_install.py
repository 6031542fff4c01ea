"""Packages that the cluster installs itself, with a static uv that is sent there."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from towline.environments.cluster_side import Connection, Report, program
from towline.environments.layers import write_lock
from towline.environments.members import Member
from towline.environments.plan import TOOL, Around, Layer
from towline.environments.transports.proxy import Place, Proxy, places_of
from towline.environments.uv.indexes import index_settings
from towline.environments.uv.pylock import Wheel, render_pylock
from towline.environments.uv.tool import run_uv, words_of
from towline.errors import EnvironmentBuildFailed, SiteError

PUSH_INSTEAD = "set env_transport: push, and the packages are sent from the workspace"


def cluster_packages(
    packages: Layer, wheels: Sequence[Wheel], *, way: str, arch: str, root: str, python: str
) -> tuple[Layer, Layer]:
    """Return the layers for packages that the cluster installs: the program uv, and the packages.

    Args:
        packages: the layer as it would be sent; keeps its name.
        wheels: what is in it.
        way: ``proxy`` (through the SSH connection) or ``direct`` (from the internet).
        arch: the cluster's processor.
        root: folder of environments there.
        python: path of the interpreter there.

    Raises:
        EnvironmentBuildFailed: a wheel lies on the workspace only, or uv cannot be run here.

    """
    for wheel in wheels:
        if wheel.url.startswith("file:"):
            raise EnvironmentBuildFailed(
                f"package {wheel.name}",
                f"lies on the workspace ({wheel.url}), where the cluster cannot install it from",
                PUSH_INSTEAD,
            )
        if wheel.query:
            raise EnvironmentBuildFailed(
                f"package {wheel.name}",
                "its address is a signed one, and the signature is never sent there",
                PUSH_INSTEAD,
            )
    tool = _static_uv(arch, packages.name)

    def fill(folder: Path) -> list[Member]:
        write_lock(folder, {"kind": "packages"})
        smallest = min(wheels, key=lambda wheel: wheel.size or 1 << 40)
        (folder / "pylock.first.toml").write_text(render_pylock([smallest]), encoding="utf-8")
        (folder / "pylock.towline.toml").write_text(render_pylock(wheels), encoding="utf-8")
        certificates = {**index_settings(os.environ), **os.environ}.get("SSL_CERT_FILE")
        if certificates and Path(certificates).is_file():
            shutil.copyfile(certificates, folder / "ca.pem")
        return []

    minor = re.sub(r"^packages-(\d+\.\d+)-.*", r"\1", packages.name)
    there = Layer(
        name=packages.name,
        archive=f"{packages.archive}-list",
        fill=fill,
        finish=program(
            "install_there",
            uv=f"{root}/{tool.name}/bin/uv",
            interpreter=python,
            minor=minor,
            way=way,
        ),
        around=_through_proxy(places_of(wheel.url for wheel in wheels)) if way == "proxy" else None,
        advice=PUSH_INSTEAD,
    )
    return tool, there


def _through_proxy(allowed: frozenset[Place]) -> Around:
    @contextmanager
    def around(connection: Connection, report: Report) -> Iterator[Mapping[str, str]]:
        def refused(place: Place) -> None:
            report("environment", state="refused", place=str(place))

        with Proxy(allowed, refused) as proxy, ExitStack() as stack:
            try:
                port = stack.enter_context(connection.forwarded(proxy.port))
            except SiteError as error:
                cause = f"{error.cause}, which env_transport: proxy needs. Nothing was submitted."
                raise SiteError(error.thing, cause, PUSH_INSTEAD) from error
            names = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "ALL_PROXY")
            yield {**dict.fromkeys(names, proxy.url(port)), "NO_PROXY": "", "no_proxy": ""}

    return around


def _static_uv(arch: str, only_for: str) -> Layer:
    """Return the layer of a uv that needs no C library of the cluster's."""
    answer = run_uv(["--version"])
    version = " ".join(answer.stdout.split()[1:2])
    if answer.returncode or not version:
        raise EnvironmentBuildFailed("kind uv", f"uv does not run: {words_of(answer.stderr)}")

    def fill(folder: Path) -> list[Member]:
        staged = folder.with_name("staged")
        options = ["--no-deps", "--only-binary", ":all:", "--target", str(staged)]
        options += ["--python-platform", f"{arch}-unknown-linux-musl"]
        done = run_uv(["pip", "install", "--quiet", *options, f"uv=={version}"])
        program_file = staged / "bin/uv"
        if done.returncode or not program_file.exists():
            raise EnvironmentBuildFailed(
                f"uv {version}",
                f"its static build, which is sent to the cluster, cannot be had: "
                f"{words_of(done.stderr)}",
                PUSH_INSTEAD,
            )
        write_lock(folder, {"kind": "tool", "name": "uv", "version": version})
        return [Member("bin/uv", program_file, None, "", True)]

    name = f"{TOOL}uv-{version}-{arch}"
    return Layer(name, name, fill, finish='"$1/bin/uv" --version >/dev/null', only_for=only_for)
