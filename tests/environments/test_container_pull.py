"""An image pulled by real Apptainer from a registry of the test's own, then sent to a cluster.

The registry is a stand-in: a few answers of the OCI distribution protocol for one image.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import platform
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from container_images import bare_root

from towline.clusters import ClusterDefinition, load_facts
from towline.environments import EnvironmentRequest
from towline.environments.container import plan_container
from towline.environments.plan import OwnWayLayer
from towline.ssh import Connection
from towline.testbed import Testbed

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def image_parts(root: Path) -> tuple[bytes, dict[str, bytes]]:
    """Return an OCI image of one layer: its manifest, and its blobs by digest."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for item in sorted(root.iterdir()):
            tar.add(item, item.name)
    layer = gzip.compress(plain.getvalue(), compresslevel=1)
    arch = ARCHITECTURES.get(platform.machine(), platform.machine())
    config = json.dumps(
        {
            "architecture": arch,
            "os": "linux",
            "config": {"Env": ["PATH=/usr/bin:/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(plain.getvalue())]},
        }
    ).encode()
    kinds = [
        f"application/vnd.oci.image.{part}" for part in ("config.v1+json", "layer.v1.tar+gzip")
    ]
    about = [
        {"mediaType": kind, "size": len(blob), "digest": digest_of(blob)}
        for kind, blob in zip(kinds, (config, layer), strict=True)
    ]
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": about[0], "layers": about[1:]}
    return json.dumps(manifest).encode(), {digest_of(blob): blob for blob in (config, layer)}


def digest_of(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """The name of an image on a registry on this machine's loopback."""
    manifest, blobs = image_parts(bare_root(tmp_path / "root"))

    class Answers(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            kind, body = "application/json", b"{}"
            if "/manifests/" in self.path:
                kind, body = MANIFEST, manifest
            elif "/blobs/" in self.path:
                kind, body = "application/octet-stream", blobs[self.path.rpartition("/")[2]]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", digest_of(body))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"docker://127.0.0.1:{server.server_address[1]}/science:1"
        server.shutdown()
        thread.join()


def test_an_image_is_pulled_once_in_the_workspace_and_sent(
    testbed: Testbed, registry: str, apptainer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{apptainer.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("APPTAINER_NOHTTPS", "true")
    monkeypatch.setenv("APPTAINER_MKSQUASHFS_ARGS", "-noD -noI -noF -noX")
    definition = ClusterDefinition(
        name="onprem",
        host="onprem",
        ssh_config=str(testbed.ssh_config),
        connections_per_minute=600,  # other tests of this session connect there, too
    )
    connection = Connection(definition.destination())
    facts = load_facts(definition, connection)
    request = EnvironmentRequest.model_validate(
        {"kind": "container", "container": {"image": registry}}
    )
    layer = plan_container(request, facts, "onprem").layers[0]
    assert isinstance(layer, OwnWayLayer)
    states = []

    def report(event: str, **told: object) -> None:
        states.append(told.get("state"))

    for root in ("pulled-1", "pulled-2"):
        layer.bring(connection, f"{facts.home}/{root}", "onprem", report)
        there = connection.run(f"ls ~/{root}/{layer.name}/sandbox/bin; cat ~/{root}/*/lock.json")
        assert "sh\n" in there.stdout and registry in there.stdout
    connection.run("chmod -R u+rwX ~/pulled-*; rm -rf ~/pulled-*")
    connection.close()
    assert states.count("building") == 1
