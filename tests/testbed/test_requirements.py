"""A machine that cannot carry a testbed is told exactly what to install or to allow."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from towline.errors import TestbedError
from towline.testbed import Testbed, install_line, missing_packages, requirements, what_is_missing


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let no program be found."""
    monkeypatch.setattr(requirements, "search_path", lambda: str(tmp_path))


def test_bare_machine_gets_the_apt_line(bare_machine: None) -> None:
    """Every package is named once, in one line that can be typed."""
    assert {"slurmctld", "slurmd", "slurm-client", "munge", "nftables"} <= set(missing_packages())
    assert install_line().endswith(
        "apt-get install -y --no-install-recommends " + " ".join(missing_packages())
    )
    assert install_line() in what_is_missing()[0]


def test_accounting_needs_two_more_packages(bare_machine: None) -> None:
    """Slurmdbd and MariaDB are asked for only when accounting is."""
    more = set(missing_packages(accounting=True)) - set(missing_packages())
    assert more == {"slurmdbd", "mariadb-server"}


def test_ordinary_user_needs_newuidmap(bare_machine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root the testbed is rootless, and the apt line needs sudo."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "uidmap" in missing_packages()
    assert install_line().startswith("sudo apt-get install")


def test_ordinary_user_needs_subordinate_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without /etc/subuid range is told how to get one."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(requirements, "missing_packages", lambda accounting=False: [])
    monkeypatch.setattr(requirements, "_user_name", lambda: "nobody-with-ids")
    assert "usermod --add-subuids" in what_is_missing()[0]


def test_other_systems_are_told_to_use_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """On macOS there is nothing to install."""
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert "needs Linux" in what_is_missing()[0]


def test_testbed_error_carries_the_apt_line(bare_machine: None, tmp_path: Path) -> None:
    """Starting anyway is an error whose next step is the apt line; no folder is made."""
    with pytest.raises(TestbedError) as caught:
        Testbed(tmp_path / "state").up()
    assert caught.value.next_step == install_line()
    assert not (tmp_path / "state").exists()
