"""The worker command and the keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from parsl.curvezmq import create_certificates

from towline.engine.keys import pack_keys
from towline.engine.launch import remote_launch_command
from towline.errors import EnvironmentMismatch


def test_nothing_of_the_workspace_is_in_the_worker_command() -> None:
    """Addresses, port and folders become variables of the job script."""
    command = remote_launch_command()
    for theirs in ("{addresses}", "{worker_port}", "{cert_dir}", "{logdir}", "{logconf}"):
        assert theirs not in command
    assert "{prefetch_capacity}" in command


def test_another_parsl_is_refused_in_words() -> None:
    """A part that is not there to be replaced must not go unnoticed."""
    with pytest.raises(EnvironmentMismatch, match="has no '-a {addresses}'"):
        remote_launch_command("process_worker_pool.py --address {addresses}")


def test_the_servers_secret_stays_at_home(tmp_path: Path) -> None:
    """Workers get their own key and the public half of the interchange's."""
    folder = Path(create_certificates(tmp_path))
    packed = pack_keys(folder).decode()
    secret = (folder / "server.key_secret").read_text().split('secret-key = "')[1].split('"')[0]
    client = (folder / "client.key_secret").read_text().split('secret-key = "')[1].split('"')[0]
    assert secret not in packed
    assert client in packed
