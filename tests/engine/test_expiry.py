"""What the agent does on the controller when the workspace is gone for good fits into its time."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from towline.clusters import ClusterFacts
from towline.engine.expiry import expiry_script


@pytest.mark.parametrize("answer", ["none", "second"])
@pytest.mark.parametrize("scheduler", ["pbs", "lsf"])
def test_a_scheduler_that_does_not_answer_is_asked_again_but_not_for_ever(
    tmp_path: Path, scheduler: str, answer: str
) -> None:
    """The agent ends the script after 120 s, and the jobs must be cancelled before that.

    Each look at this clock takes 25 s.
    """
    listing, cancel, job = {
        "pbs": (
            "case \"$*\" in *-u*) echo '7.s u q tl.r7 1 1 1 1 00:10 R 1';; "
            "*) printf 'Job Id: 7.s\\n  Job_Name = tl.r7-00000007.a.0\\n  job_state = R\\n';; esac",
            "qdel",
            "7.s",
        ),
        "lsf": ("echo '7|RUN|-|tl.r7-00000007.a.0|n1|-|-'", "bkill", "7"),
    }[scheduler]
    ask = {"pbs": "qstat", "lsf": "bjobs"}[scheduler]
    answers = 2 if answer == "second" else 1000
    commands = {
        "date": "n=$(cat clock 2>/dev/null || echo 0); echo $((n + 25)) >clock; cat clock",
        "sleep": ":",
        ask: f'echo x >>asked; [ "$(grep -c x asked)" -ge {answers} ] || exit 1\n{listing}',
        cancel: "echo $* >>cancelled",
    }
    for name, text in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\ncd {tmp_path}\n{text}\n")
        (tmp_path / name).chmod(0o755)
    facts = ClusterFacts(root=str(tmp_path / "root"), scheduler=scheduler)
    subprocess.run(
        ["sh"],
        input=expiry_script(facts, "r7-00000007"),
        text=True,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        timeout=60,
        check=False,
    )
    cancelled = tmp_path / "cancelled"
    if answer == "second":
        assert cancelled.read_text().split() == [job]
    else:
        assert (tmp_path / "asked").read_text().count("x") == 2
        assert not cancelled.exists()
