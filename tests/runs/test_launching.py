"""A workflow becomes a run: what was typed reaches the script, secrets reach nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from towline.clusters import ClusterStore, define
from towline.errors import DefinitionError, InputsWrong, RunError
from towline.runs import Asked, RunFolder
from towline.runs.artifacts import artifacts, is_artifact
from towline.runs.cancel import cancel
from towline.runs.catalog import summarise
from towline.runs.launching import check, prepare, start
from towline.runs.state import RunState
from towline.runs.using import runs_using
from towline.runs.watch import wait_for_end
from towline.workflows import Installed, from_folder
from towline.workflows.presets import Presets

from .conftest import alive, event_of, wait_for, wait_for_event

DUMP = """\
import json, os, sys, towline
given = towline.inputs()
json.dump({
    "argv": sys.argv[1:],
    "name": given.name,
    "cwd": os.getcwd(),
    "python": sys.executable,
    "variables": dict(os.environ),
}, open("dump.json", "w"))
"""

Make = Callable[..., Installed]


@pytest.fixture
def workflow(tmp_path: Path) -> Make:
    """Write a workflow; its script writes what it was given into ``dump.json``."""

    def make(text: str, script: str = DUMP, **files: str) -> Installed:
        folder = tmp_path / "flow"
        folder.mkdir(exist_ok=True)
        (folder / "workflow.yaml").write_text(text)
        (folder / "main.py").write_text(script)
        for name, content in files.items():
            path = folder / name.replace("__", ".")
            path.write_text(content)
            path.chmod(0o755)
        return from_folder(folder)

    return make


def ran(installed: Installed, values: dict[str, Any] | None = None, **more: Any) -> RunFolder:
    folder = start(prepare(installed, values or {}, **more))
    wait_for_end(folder)
    return folder


def dump(folder: RunFolder) -> dict[str, Any]:
    assert summarise(folder).state is RunState.SUCCEEDED, folder.stderr_log.read_text()
    found: dict[str, Any] = json.loads((folder.work / "dump.json").read_text())
    return found


NAME = "inputs: {name: {type: text}}\nrun: [python, main.py]\n"


@pytest.mark.parametrize(
    "value",
    [
        "$(touch /tmp/evil) `id` ${HOME} %s",
        "'single' \"double\" \\back\\",
        "two\nlines\tand a tab ",
        "--leading --dashes=1",
        "-x",
        "; rm -rf / && echo | cat > x < y",
        "Grüße, 世界 🚢",
        "*?[a-z]{a,b}~",
        "!history ^caret #comment",
    ],
)
def test_what_was_typed_reaches_the_script_unchanged(workflow: Make, value: str):
    """As an argument, in the JSON file and by towline.inputs(): byte for byte."""
    folder = ran(workflow(NAME), {"name": value})
    seen = dump(folder)
    assert seen["name"] == value
    assert json.loads(folder.inputs_json.read_text()) == {"name": value}
    assert seen["argv"] in (["--name", value], [f"--name={value}"])


def test_a_shell_script_gets_the_same_words(workflow: Make):
    """No shell reads a value on the way, and `python` in a script is Towline's own."""
    shell = workflow(
        "inputs: {name: {}}\nrun: [./run.sh]\n",
        run__sh='#!/bin/sh\nprintf %s "$2" > got\npython -c "import towline"\n',
    )
    value = "a $(b) 'c' \"d\" `e` \\f"
    folder = ran(shell, {"name": value})
    assert summarise(folder).state is RunState.SUCCEEDED, folder.stderr_log.read_text()
    assert (folder.work / "got").read_text() == value


def test_a_run_works_on_its_own_copy(workflow: Make):
    installed = workflow(NAME)
    folder = ran(installed, {"name": "n"})
    assert dump(folder)["cwd"] == str(folder.work)
    assert not (installed.folder / "dump.json").exists()
    assert folder.work.stat().st_mode & 0o077 == 0


def test_the_record_says_what_was_asked(workflow: Make):
    installed = workflow(
        "inputs: {name: {default: n}}\nrun: [python, main.py]\noutputs: ['*.json']"
    )
    prepared = prepare(installed, {}, owner="ann", title="Mine", again_of=None)
    asked = RunFolder.open(prepared.folder.path).asked
    assert asked.workflow == {"name": "flow", "version": 0, "digest": installed.digest}
    assert asked.command == ["python", "main.py", "--name", "n"]
    assert (asked.owner, asked.title, asked.inputs) == ("ann", "Mine", {"name": "n"})
    assert asked.script == str(prepared.folder.work / "main.py")


def test_an_older_and_a_newer_record_can_be_read(workflow: Make):
    record = {
        "number": 1,
        "tag": "r1-00000000",
        "created": 1.0,
        "script": "/s.py",
        "argv": [],
        "python": "/p",
        "cwd": "/",
        "user": "u",
        "host": "h",
        "creator": {},
    }
    assert Asked.from_dict(record).workflow is None
    assert Asked.from_dict({**record, "of_the_future": 1}).number == 1


def test_nothing_is_made_of_wrong_inputs(workflow: Make, home: Path):
    installed = workflow("inputs: {n: {type: integer}}\nrun: [python, main.py]\n")
    with pytest.raises(InputsWrong, match="n is needed"):
        prepare(installed, {})
    assert not (home / "state" / "runs").exists()


@pytest.mark.parametrize(
    ("text", "clusters", "words"),
    [
        ("executors: {a: {cluster: nowhere}}", {}, "cluster nowhere"),
        ("executors: {a: {cluster: local}}", {"b": "local"}, "no such executor"),
        ("on: {cluster: nowhere}", {}, "cluster nowhere"),
        ("on: {cluster: local, nods: 2}", {}, "did you mean nodes"),
        ("on: {cluster: local}", {"x": "local"}, "its one label is `on`"),
    ],
)
def test_a_wrong_cluster_is_said_before_anything_is_made(
    workflow: Make, home: Path, text: str, clusters: dict[str, str], words: str
):
    folder = workflow("run: [python, main.py]\n")
    (folder.folder / "workflow.yaml").write_text(f"run: [python, main.py]\n{text}\n")
    from towline.workflows import load_definition

    installed = Installed(
        "flow", 1, folder.folder, folder.source, load_definition(folder.folder), "", 0.0
    )
    with pytest.raises(DefinitionError, match=words):
        check(installed, {}, clusters=clusters)
    with pytest.raises(DefinitionError, match=words):
        prepare(installed, {}, clusters=clusters)
    assert not (home / "state" / "runs").exists()


def test_a_folder_that_cannot_be_filled_is_taken_back(workflow: Make, tmp_path: Path, home: Path):
    installed = workflow("inputs: {f: {type: file}}\nrun: [python, main.py]\n")
    data = tmp_path / "data.csv"
    data.write_text("x")

    def gone(text: str) -> Path:
        data.unlink(missing_ok=True)
        return data

    with pytest.raises(RunError, match="it cannot be filled"):
        prepare(installed, {"f": "data.csv"}, find_file=gone)
    assert RunFolder.all() == []
    data.write_text("x")
    assert prepare(installed, {"f": str(data)}).folder.number == 2, "no number is given twice"


def test_a_file_is_copied_beside_the_script(workflow: Make, tmp_path: Path):
    installed = workflow("inputs: {name: {type: file, accept: [.csv]}}\nrun: [python, main.py]\n")
    data = tmp_path / "my data.csv"
    data.write_text("1,2\n")
    folder = ran(installed, {"name": str(data)})
    assert dump(folder)["name"] == "inputs/name/my data.csv"
    assert (folder.work / "inputs" / "name" / "my data.csv").read_text() == "1,2\n"
    again = prepare(installed, folder.asked.inputs or {}, again_of=folder.number)
    assert (again.folder.work / "inputs" / "name" / "my data.csv").read_text() == "1,2\n"


@pytest.mark.parametrize("value", ["/nowhere.csv", "/etc", "/etc/hostname"])
def test_a_file_that_is_not_there_or_not_wanted_is_refused(workflow: Make, value: str):
    installed = workflow("inputs: {f: {type: file, accept: [.csv]}}\nrun: [python, main.py]\n")
    with pytest.raises(InputsWrong, match="^inputs: f "):
        prepare(installed, {"f": value})


@pytest.mark.parametrize("value", ["inputs/../../run.json", "inputs/x/../../../../1/run.json"])
def test_a_repeated_run_finds_files_of_that_run_only(workflow: Make, value: str):
    installed = workflow("inputs: {f: {type: file}}\nrun: [python, main.py]\n")
    folder = prepare(installed, {"f": "/etc/hostname"}).folder
    assert (folder.path / "run.json").is_file()
    with pytest.raises(InputsWrong, match="is not there any more"):
        prepare(installed, {"f": value}, again_of=folder.number)


def test_presets_lie_below_what_is_given(workflow: Make):
    installed = workflow(
        "inputs: {a: {default: x}, b: {default: x}, c: {default: x}}\n"
        "presets: {p: {a: preset, b: preset}}\nrun: [python, main.py]\n"
    )
    prepared = prepare(installed, {"b": "given"}, preset="p")
    assert prepared.folder.asked.inputs == {"a": "preset", "b": "given", "c": "x"}
    Presets("ann").keep("flow", installed.definition, "own", {"c": "own"})
    kept = prepare(installed, {}, preset="own", owner="ann").folder.asked.inputs
    assert kept == {"a": "x", "b": "x", "c": "own"}
    with pytest.raises(InputsWrong, match="there is none called 'own'"):
        prepare(installed, {}, preset="own", owner="bob")


SECRET = "s3cr3t-towline-0f1e2d"  # noqa: S105 - looked for everywhere
ASKING = """\
inputs:
  name: {default: open}
  login: {type: group, inputs: {token: {type: secret}}}
run: [python, main.py]
"""
READING = """\
import os, sys, time, towline
given = towline.inputs()
assert given.login.token[::-1] == os.environ["EXPECTED_REVERSED"]
print(given)
print("token" in given.login, flush=True)
open("ready", "w").close()
while not os.path.exists("go"): time.sleep(0.01)
towline.inputs().login.token
"""


def test_a_secret_is_on_no_disk_in_no_argument_and_in_no_log(
    workflow: Make, home: Path, monkeypatch: pytest.MonkeyPatch
):
    """Looked for in every file of Towline, and in every process's arguments and environment."""
    monkeypatch.setenv("EXPECTED_REVERSED", SECRET[::-1])
    prepared = prepare(workflow(ASKING, READING), {"login": {"token": SECRET}})
    assert SECRET not in repr(prepared)
    folder = start(prepared)
    wait_for("the script to have read its secret", (folder.work / "ready").exists)
    needle = SECRET.encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            for name in ("cmdline", "environ"):
                try:
                    assert needle not in (entry / name).read_bytes(), (entry, name)
                except (FileNotFoundError, ProcessLookupError, PermissionError):
                    continue
    (folder.work / "go").touch()
    wait_for_end(folder)
    assert summarise(folder).state is RunState.SUCCEEDED, folder.stderr_log.read_text()
    assert "…" in folder.stdout_log.read_text()
    files = [path for path in home.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [path for path in files if needle in path.read_bytes()] == []
    assert (folder.asked.inputs or {})["login"] == {"token": {"secret": True}}


def test_variables_that_secrets_came_from_end_with_the_command_line(
    workflow: Make, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TOWLINE_SECRET_LOGIN_TOKEN", SECRET)
    variables = dump(ran(workflow(NAME), {"name": "x"}))["variables"]
    assert "TOWLINE_INPUTS" in variables
    assert SECRET not in str(variables)


def test_the_supervisor_does_not_keep_the_secret_open(
    workflow: Make, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("EXPECTED_REVERSED", SECRET[::-1])
    folder = start(prepare(workflow(ASKING, READING), {"login": {"token": SECRET}}))
    wait_for("the script to have read its secret", (folder.work / "ready").exists)
    supervisor = folder.keeper()
    assert supervisor is not None
    descriptors = Path(f"/proc/{supervisor.pid}/fd")

    def let_go() -> bool:
        held = []
        for path in descriptors.iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed this moment
                held.append(str(path.readlink()))
        return held != [] and not any("towline-secrets" in path for path in held)

    wait_for("the supervisor to let go of the secret", let_go)
    script = wait_for_event(folder, "running").facts["pid"]
    of_script = [str(path.readlink()) for path in Path(f"/proc/{script}/fd").iterdir()]
    (folder.work / "go").touch()
    wait_for_end(folder)
    assert [path for path in of_script if "towline-secrets" in path] != []


def test_a_child_of_the_script_takes_no_file_of_its_own_for_the_secrets(workflow: Make):
    """It has the variable, but not the descriptor; its own of that number is none of ours."""
    child = (
        "import os, socket, towline\n"
        "number = int(os.environ['TOWLINE_SECRETS_FD'].partition(':')[0])\n"
        "ours, theirs = socket.socketpair()\n"
        "os.dup2(ours.fileno(), number)\n"
        "print(list(towline.inputs().login), os.fstat(number).st_ino > 0)\n"
    )
    script = (
        "import subprocess, sys\n"
        f"subprocess.run([sys.executable, '-c', {child!r}], check=True, timeout=30)\n"
    )
    folder = ran(workflow(ASKING, script), {"login": {"token": SECRET}})
    assert summarise(folder).state is RunState.SUCCEEDED, folder.stderr_log.read_text()
    assert folder.stdout_log.read_text() == "[] True\n"


def test_where_there_is_no_memfd_a_pipe_carries_the_secret(
    workflow: Make, monkeypatch: pytest.MonkeyPatch
):
    """As on macOS; the script may ask for its inputs twice, although a pipe is read once."""
    monkeypatch.setenv("EXPECTED_REVERSED", SECRET[::-1])
    monkeypatch.delattr(os, "memfd_create")
    folder = start(prepare(workflow(ASKING, READING), {"login": {"token": SECRET}}))
    wait_for("the script to have read its secret", (folder.work / "ready").exists)
    (folder.work / "go").touch()
    wait_for_end(folder)
    assert summarise(folder).state is RunState.SUCCEEDED, folder.stderr_log.read_text()


def test_a_batch_job_takes_no_secret(workflow: Make):
    with pytest.raises(DefinitionError, match="a batch job cannot take secrets"):
        workflow(ASKING + "on: {cluster: local}\n")


def test_the_environment_is_made_before_the_script_starts(workflow: Make, tmp_path: Path):
    """The supervisor has it made; the run shows it as a step on this machine, no cluster."""
    prefix = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    library = next((prefix / "lib").glob("python*/site-packages"))
    (library / "ours.pth").write_text(
        "\n".join(path for path in sys.path if "site-packages" in path)
    )
    (library / "src.pth").write_text(str(Path(__file__).parents[2] / "src"))
    installed = workflow(f"{NAME}environment: {{prefix: '{prefix}'}}\n")
    folder = ran(installed, {"name": "x"})
    assert dump(folder)["python"].startswith(str(prefix))
    events = [event.name for event in folder.events.read()]
    assert events.index("environment") < events.index("running")
    assert summarise(folder).clusters == []


def test_an_environment_that_cannot_be_made_ends_the_run_in_words(workflow: Make):
    folder = ran(workflow(f"{NAME}environment: {{env_spec: absent.txt}}\n"), {"name": "x"})
    summary = summarise(folder)
    assert summary.state is RunState.FAILED
    assert "absent.txt" in summary.reason
    assert event_of(folder, "running") is None


def test_a_run_is_cancelled_while_its_environment_is_made(workflow: Make, tmp_path: Path):
    """The maker is ended, and nothing of it is left."""
    hang = tmp_path / "hang"
    hang.mkdir()
    python = hang / "bin" / "python3"
    python.parent.mkdir()
    python.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    python.chmod(0o755)
    (hang / "bin" / "python").symlink_to("python3")
    folder = start(prepare(workflow(f"{NAME}environment: {{prefix: '{hang}'}}\n"), {"name": "x"}))
    wait_for("the interpreter that hangs", lambda: (tmp_path / "pid").exists())
    assert cancel(folder)
    wait_for_end(folder)
    assert summarise(folder).state is RunState.CANCELLED
    pid = int((tmp_path / "pid").read_text())
    wait_for("the end of the interpreter", lambda: not alive(pid))


def test_only_what_outputs_name_is_an_artefact(workflow: Make):
    script = (
        "import os\nos.makedirs('out/deep')\n"
        "for n in ('out/a.png', 'out/deep/b.png', 'c.txt'): open(n, 'w').write(n)\n"
        "os.symlink('/etc/passwd', 'out/evil.png')\nos.symlink('/etc', 'out/etc')\n"
    )
    installed = workflow("run: [python, main.py]\noutputs: ['out/**/*.png', 'out/etc']\n", script)
    folder = ran(installed)
    assert [each.path for each in artifacts(folder)] == ["out/a.png", "out/deep/b.png"]
    assert is_artifact(folder, "out/a.png")
    for path in ("out/evil.png", "out/etc/passwd", "../run.json", "/etc/passwd", "c.txt", ""):
        assert not is_artifact(folder, path)


def test_executors_may_take_inputs(workflow: Make):
    installed = workflow(
        "inputs: {where: {type: cluster, workspace: true, default: local}, n: {type: integer}}\n"
        "executors: {a: {cluster: {input: where}, nodes: {input: n}}}\nrun: [python, main.py]\n"
    )
    folder = prepare(installed, {"n": 3}).folder
    assert folder.asked.executors == str(folder.work / ".executors.json")
    written = json.loads(Path(folder.asked.executors).read_text())
    assert written == {"a": {"cluster": "local", "nodes": 3}}


def test_a_script_can_be_run_by_hand(workflow: Make):
    """Beside its workflow.yaml, towline.inputs() reads the script's own arguments."""
    installed = workflow(
        "inputs: {name: {default: d}, n: {type: integer, default: 1}}\nrun: [python, main.py]\n"
    )
    script = installed.folder / "main.py"
    script.write_text("import towline\nprint(dict(towline.inputs()))\n")

    def by_hand(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(script), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert by_hand("--n=4").stdout == "{'name': 'd', 'n': 4}\n"
    assert "n must be a whole number" in by_hand("--n", "x").stderr


@pytest.mark.parametrize(
    ("text", "clusters", "expected"),
    [
        ("executors: {one: {cluster: onprem}, two: {cluster: cloud}}\n", {}, ["cloud", "onprem"]),
        ("executors: {one: {cluster: onprem}}\n", {"one": "cloud"}, ["cloud"]),
        ("executors: mine.json\n", {}, ["onprem"]),
        ("on: {cluster: onprem, walltime: 00:01:00}\n", {}, ["onprem"]),
        ("on: {cluster: onprem, walltime: 00:01:00}\n", {"on": "cloud"}, ["cloud"]),
    ],
)
def test_a_run_counts_as_using_its_clusters_from_its_launch_on(
    home: Path, workflow: Make, text: str, clusters: dict[str, str], expected: list[str]
) -> None:
    """Nobody shall switch one off between the launch and the script's load()."""
    for name in ("onprem", "cloud"):
        ClusterStore().add(define(name, host=f"{name}.example.org"))
    flow = workflow(text + "run: [python, main.py]\n", mine__json='{"one": {"CLUSTER": "onprem"}}')
    folder = prepare(flow, {}, clusters=clusters).folder
    assert {name: runs_using(name) for name in ("onprem", "cloud") if runs_using(name)} == {
        name: [folder.number] for name in expected
    }
