"""Transport `direct`: the cluster's own conda makes the environment from an explicit lock.

No real conda can be had here. Its stand-in reads the explicit file as conda does, installs those
packages at the prefix with py-rattler, and records how it was called.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from towline.environments import delete, list_environments, preflight, realise
from towline.environments.cluster_side import program
from towline.environments.conda import tell_conda_name
from towline.environments.realise import plan_of
from towline.environments.rebuild import rebuild
from towline.errors import DefinitionError, EnvironmentBuildFailed, TowlineError

STAND_IN = """\
#!{python}
import asyncio, os, sys
from pathlib import Path
import rattler
Path({record!r}).open("a").write(" ".join(sys.argv) + "\\n")
assert sys.argv[1:4] == ["create", "-y", "-q"], sys.argv
prefix, file = sys.argv[sys.argv.index("-p") + 1], sys.argv[sys.argv.index("--file") + 1]
lines = Path(file).read_text().split()
assert lines[0] == "@EXPLICIT"
assert not Path(prefix).exists(), "conda refuses a folder that is there"
{more}
async def install():
    records = []
    for line in lines[1:]:
        url, _, md5 = line.partition("#")
        record = await rattler.RepoDataRecord.from_package_archive(url.removeprefix("file://"))
        record.url = url
        record.channel = url.rsplit("/", 2)[0]
        records.append(record)
    await rattler.install(records, prefix, cache_dir={cache!r}, show_progress=False)
asyncio.run(install())
os._exit(0)  # the library's threads may crash at the interpreter's own end
"""


@pytest.fixture
def conda(machine, tmp_path):
    """Put the stand-in where the user's conda would be; return what it recorded."""

    class Conda:
        record = tmp_path / "calls"
        program = machine.home / "miniconda3/bin/conda"

        def behave(self, more=""):
            self.program.parent.mkdir(parents=True, exist_ok=True)
            values = {"python": sys.executable, "record": str(self.record), "more": more}
            self.program.write_text(STAND_IN.format(cache=str(tmp_path / "packages"), **values))
            self.program.chmod(0o755)

        def calls(self):
            return self.record.read_text().splitlines() if self.record.exists() else []

    found = Conda()
    found.behave()
    return found


def names(machine):
    return sorted(path.name for path in (machine.home / ".towline/envs").glob("*"))


def test_the_clusters_conda_makes_it_from_the_exact_lock(environment_file, machine, conda):
    request = environment_file("app", transport="direct")
    environment = realise(request, machine, machine.facts())
    (call,) = conda.calls()
    real = machine.inside(environment.prefix).resolve()
    assert f"-p {real} --file" in call
    assert machine.run(f"{environment.activation}\nwhere\n").stdout.strip() == str(real)
    assert preflight(environment, machine, cluster="here", executor="x").worker.parsl
    assert names(machine) == [real.name, environment.key]
    assert realise(request, machine, machine.facts()).key == environment.key
    assert len(conda.calls()) == 1


def test_the_key_is_not_that_of_a_pushed_one(environment_file, machine, conda):
    """What the cluster's conda made is not taken for what we sent."""
    direct = realise(environment_file("app", transport="direct"), machine, machine.facts())
    assert realise(environment_file("app"), machine, machine.facts()).key != direct.key


def test_of_two_that_race_one_makes_it(environment_file, machine, conda):
    request = environment_file("app", transport="direct")
    start = threading.Barrier(2)

    def bring(_):
        start.wait()
        return realise(request, machine, machine.facts())

    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(bring, range(2)))
    assert made[0].key == made[1].key
    assert len(conda.calls()) == 1
    assert [name for name in names(machine) if name[0] != "."] == [made[0].key]


def test_a_conda_that_fails_is_quoted_and_leaves_nothing(environment_file, machine, conda):
    conda.behave("raise SystemExit('CondaHTTPError: no way to the channel')")
    with pytest.raises(EnvironmentBuildFailed, match="CondaHTTPError: no way") as raised:
        realise(environment_file("app", transport="direct"), machine, machine.facts())
    assert raised.value.next_step == "set env_transport: push, and the workspace makes it"
    assert names(machine) == []


def test_what_a_killed_one_left_is_made_again(environment_file, machine, conda):
    """By kill -9: under its name there is nothing to see, and its lock holds up nobody."""
    request = environment_file("app", transport="direct")
    made = Path(f"{conda.record}.made")
    conda.behave(f"os.makedirs(prefix); Path({str(made)!r}).touch(); import time; time.sleep(60)")
    with ThreadPoolExecutor(1) as pool:
        broken = pool.submit(realise, request, machine, machine.facts())
        wait_for(made.exists)
        for pid in processes_with(str(machine.home)):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(TowlineError):
            broken.result(30)
    assert [name for name in names(machine) if name[0] != "." and ".tmp." not in name] == []
    conda.behave()
    key = realise(request, machine, machine.facts()).key
    assert len(conda.calls()) == 2
    assert machine.inside(f"{machine.home}/.towline/envs/{key}/.complete").exists()
    for left in (machine.home / ".towline/envs").glob(".*.made.*"):
        os.utime(left, (0, 0))
    machine.run(f"rm {machine.home}/.towline/envs/{key}/.complete")
    conda.behave("raise SystemExit('no more')")
    with pytest.raises(EnvironmentBuildFailed, match="no more"):  # it has swept first
        realise(request, machine, machine.facts())
    assert [name for name in names(machine) if ".tmp." not in name] == []


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def processes_with(text):
    """Return the processes in whose command line a text stands, but this one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if text in (folder / "cmdline").read_text() and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found


def test_who_is_waited_for_is_said_and_a_dead_one_on_another_host_holds_up_nobody(
    environment_file, machine, conda, monkeypatch
):
    """Another log-in node's lock, without a sign of life."""
    monkeypatch.setattr("towline.environments.conda.direct.SILENT_SECONDS", 3)
    request = environment_file("app", transport="direct")
    key = plan_of(request, machine.facts(), "here").environment.key
    held = machine.home / f".towline/envs/{key}.tmp.lock"
    held.mkdir(parents=True)
    (held / "holder").write_text("login2 4711\n")
    told = []
    realise(request, machine, machine.facts(), report=lambda event, **facts: told.append(facts))
    texts = [facts["text"] for facts in told if "login2" in facts.get("text", "")]
    assert texts == [f"{key} is being made on login2 (process 4711); waiting for it"]
    assert not held.exists()


def test_a_conda_folder_may_have_spaces_in_its_name(environment_file, machine, conda):
    folder = machine.home / "my conda"
    (machine.home / "miniconda3").rename(folder)
    request = environment_file("app", transport="direct", conda_dir="~/my conda")
    assert realise(request, machine, machine.facts()).key
    assert len(conda.calls()) == 1


def test_what_conda_made_is_rebuilt_and_deleted_whole(environment_file, machine, conda):
    request = environment_file("app", transport="direct")
    key = realise(request, machine, machine.facts()).key
    rebuild(request, machine, machine.facts(), cluster="here")
    assert len(conda.calls()) == 2
    assert len(names(machine)) == 2
    (held,) = list_environments(machine, machine.facts())
    assert held.name == key and held.size_kb > 1000
    assert delete(machine, machine.facts(), held)
    assert names(machine) == []


def test_the_lock_is_let_go_when_what_was_half_made_is_gone(machine, tmp_path):
    """Who waits for it begins at once, in the same place."""
    tool, shim, place = tmp_path / "conda", tmp_path / "bin/rm", tmp_path / "conda-3.11-x"
    tool.write_text('#!/bin/sh\nmkdir "$5"\nexit 1\n')
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\necho "$2" >>{tmp_path}/removed\nexec /bin/rm "$@"\n')
    for file in (tool, shim):
        file.chmod(0o755)
    script = program("make_conda", tools=str(tool), limit="5", silent="5", pip="")
    path = f"PATH={shim.parent}:$PATH\n"
    machine.run(f"{path}set -- {tmp_path} {place}\n{script}")
    removed = (tmp_path / "removed").read_text().split()
    assert removed[-2][: len(str(place)) + 6] == f"{tmp_path}/.{place.name}.made"
    assert removed[-1] == f"{place}.tmp.lock"


def test_a_conda_that_finds_no_end_is_ended(machine, tmp_path):
    tool = tmp_path / "conda"
    tool.write_text("#!/bin/sh\nexec sleep 60\n")
    tool.chmod(0o755)
    script = program("make_conda", tools=str(tool), limit="1", silent="5", pip="")
    answer = machine.run(f"set -- {tmp_path} {tmp_path}/conda-3.11-x\n{script}", timeout=30)
    assert f"@@said={tool} did not end in 1 s" in answer.stdout


def test_no_conda_there_is_said(environment_file, machine):
    with pytest.raises(EnvironmentBuildFailed, match="there is no conda, mamba or micromamba at"):
        realise(environment_file("app", transport="direct"), machine, machine.facts())
    assert names(machine) == []


def test_what_must_stay_in_the_workspace_is_refused(environment_file, machine, tmp_path):
    (tmp_path / "helpers.py").touch()
    include = (str(tmp_path / "helpers.py"),)
    with pytest.raises(DefinitionError, match="include sends files along"):
        realise(
            environment_file("app", transport="direct", include=include), machine, machine.facts()
        )


def test_a_link_that_cannot_be_made_is_said_in_the_systems_words(machine):
    """As on a full disk; it is not called the user's own."""
    envs = machine.home / "miniconda3/envs"
    envs.mkdir(parents=True)
    shim = machine.home / "bin/ln"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\necho 'ln: no space left' >&2\nexit 1\n")
    shim.chmod(0o755)
    script = program("name_conda", link=f"{envs}/mine", prefix="/x", root="/r")
    told: list[str] = []
    answer = machine.run(f"PATH={shim.parent}:$PATH\n{script}").stdout
    tell_conda_name(answer, lambda event, **facts: told.append(facts["text"]))
    assert told == [f"the environment is there, but its link {envs}/mine: ln: no space left"]
