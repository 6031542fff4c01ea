"""Workers in real Apptainer containers, on real Slurm clusters: brought, tried, used."""

from __future__ import annotations

import os
import platform
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import parsl
import pytest

from towline.clusters import ClusterDefinition, load_facts
from towline.environments import (
    EnvironmentRequest,
    delete,
    list_environments,
    lock_record,
    node_check_lines,
    preflight,
    realise,
)
from towline.environments.container import plan_container
from towline.environments.inventory import to_delete
from towline.errors import DefinitionError, EnvironmentBuildFailed, EnvironmentMismatch, NoSpace
from towline.ssh import Connection
from towline.testbed import Testbed

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"


def container(**keys: object) -> EnvironmentRequest:
    return EnvironmentRequest.model_validate({"kind": "container", "container": keys})


class Reached:
    """A cluster of the testbed, connected and probed."""

    def __init__(self, testbed: Testbed, name: str, folder: str) -> None:
        self.name = name
        self.definition = ClusterDefinition(
            name=name, host=name, ssh_config=str(testbed.ssh_config), connections_per_minute=600
        )
        self.connection = Connection(self.definition.destination())
        self.facts = load_facts(self.definition, self.connection)
        self.root = f"{self.facts.home}/{folder}"
        self.events: list[dict[str, object]] = []

    def realise(self, request: EnvironmentRequest):
        request = request.model_copy(update={"root": self.root})
        return realise(request, self.connection, self.facts, cluster=self.name, report=self.report)

    def report(self, event: str, **facts: object) -> None:
        self.events.append({"event": event, **facts})

    def preflight(self, environment):
        return preflight(environment, self.connection, cluster=self.name, executor="cpu")

    def say(self, script: str) -> str:
        return self.connection.run(script, timeout=60).stdout

    def close(self) -> None:
        self.say(f"chmod -R u+rwX {self.root}; rm -rf {self.root}")
        self.connection.close()

    @property
    def folders(self) -> list[str]:
        """What is in the folder of environments, hidden things and half-made ones as well."""
        return self.say(f"ls -A {self.root} 2>/dev/null").split()


@pytest.fixture
def reach(testbed: Testbed) -> Iterator[object]:
    """Connect to clusters, each with an empty folder of environments that goes with the test."""
    opened: list[Reached] = []

    def to(name: str) -> Reached:
        opened.append(Reached(testbed, name, "fresh-containers"))
        return opened[-1]

    yield to
    for reached in opened:
        reached.close()


@pytest.fixture(scope="module")
def onprem(testbed: Testbed, image: Path) -> Iterator[Reached]:
    """A cluster that has the image, for tests that only start something in it."""
    reached = Reached(testbed, "onprem", "containers")
    reached.realise(container(image=f"file:{image}"))
    yield reached
    reached.close()


def test_an_image_of_the_workspace_runs_the_scripts_parsl_on_a_node(reach, image):
    """Sent, unpacked once as the cluster has no FUSE, tried; then found in one command."""
    cluster = reach("onprem")
    wanted = container(image=f"file:{image}")
    environment = cluster.realise(wanted)
    report = cluster.preflight(environment)
    assert (report.worker.version, report.worker.parsl) == (
        platform.python_version(),
        parsl.__version__,
    )
    assert report.worker.parsl_from == "/opt/towline/packages/parsl"
    notes = [event["text"] for event in cluster.events if event["event"] == "note"]
    assert len(notes) == 1
    assert "no FUSE" in notes[0] and "sandbox" in notes[0]
    code = "import parsl, platform; print(platform.node(), parsl.__version__)"
    lines = cluster.say(f"srun -N2 {environment.python} -c '{code}'").splitlines()
    assert sorted(lines) == [f"onprem-n{n} {parsl.__version__}" for n in (1, 2)]

    cluster.events.clear()
    again = cluster.realise(wanted)
    assert again.key == environment.key and cluster.preflight(again).remembered
    assert [e["state"] for e in cluster.events] == ["planning", "planned", "ready"]


def test_the_log_ins_variables_stay_outside_and_the_schedulers_come_in(onprem, image):
    environment = onprem.realise(container(image=f"file:{image}"))
    names = ["SECRET", "PYTHONHOME", "A", "SLURM_JOB_NUM_NODES"]
    outside = "export SECRET=1 PYTHONHOME=/nowhere A=b APPTAINERENV_A=c"
    code = f"import os; print(*(os.environ.get(name) for name in {names}))".replace("'", '"')
    said = onprem.say(f"{outside}\nsrun {environment.python} -c '{code}'")
    assert said == "None None c 1\n"


def test_a_bound_folder_is_seen_inside_and_cannot_be_written_where_it_is_bound_so(onprem, image):
    onprem.say("mkdir -p ~/input && echo 42 >~/input/data")
    environment = onprem.realise(container(image=f"file:{image}", binds=["~/input:/data:ro"]))
    code = 'import os; print(open("/data/data").read().strip(), os.access("/data", os.W_OK))'
    assert onprem.say(f"srun {environment.python} -c '{code}'; rm -r ~/input") == "42 False\n"


def test_a_folder_that_only_the_controller_has_ends_the_block_in_words(onprem, image):
    """Its nodes have no /etc/slurm: they take their settings from the controller."""
    environment = onprem.realise(container(image=f"file:{image}", binds=["/etc/slurm:/x"]))
    check = node_check_lines(environment, onprem.facts.node_address, 6817)
    script = f"cat >check.sh <<'END'\n{check}END\nsrun sh check.sh; rm check.sh"
    said = onprem.connection.run(script)
    assert "/etc/slurm, which container_binds names, is not there" in said.stderr


def test_a_node_check_goes_the_way_of_the_worker(onprem, image):
    """Slurmctld stands for the link; where the image has gone, the block says so and ends."""
    environment = onprem.realise(container(image=f"file:{image}"))
    check = node_check_lines(environment, onprem.facts.node_address, 6817)
    script = f"cat >check.sh <<'END'\n{environment.activation}{check}echo worker starts\nEND\n"
    assert "worker starts" in onprem.say(f"{script}srun sh check.sh")
    elsewhere = f"{onprem.root}/elsewhere"
    name = next(name for name in onprem.folders if name.startswith("image-"))
    onprem.say(f"mv {onprem.root}/{name} {elsewhere}")
    said = onprem.connection.run("srun sh check.sh; rm check.sh")
    onprem.say(f"mv {elsewhere} {onprem.root}/{name}")
    assert "is not there" in said.stderr and "worker starts" not in said.stdout


def test_four_at_once_leave_one_image(reach, image_of_another_minor):
    cluster = reach("onprem")
    wanted = container(image=f"file:{image_of_another_minor}")
    made, failed = [], []

    def bring() -> None:
        try:
            made.append(cluster.realise(wanted).key)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=bring) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [] and len(set(made)) == 1
    kinds = sorted(name.partition("-")[0] for name in cluster.folders)
    assert kinds == ["container", "image", "packages"]


def test_a_cut_push_goes_on_where_it_stopped(reach, healthy_testbed, image, monkeypatch):
    """Cut in the middle of the image: nothing is switched in; the next try sends only the rest."""
    cluster = reach("cloud")
    wanted = container(image=f"file:{image}")
    cut: list[object] = []
    size = image.stat().st_size

    def report(event: str, **facts: object) -> None:
        cluster.report(event, **facts)
        if facts.get("total") == size and int(str(facts["done"])) > 8 << 20 and not cut:
            cut.append(healthy_testbed.cut("cloud"))

    monkeypatch.setattr("towline.environments.push.SILENCE_SECONDS", 3)
    request = wanted.model_copy(update={"root": cluster.root})
    with pytest.raises(Exception, match="cloud") as raised:
        realise(request, cluster.connection, cluster.facts, cluster="cloud", report=report)
    assert type(raised.value).__name__ in ("ConnectionDropped", "CopyFailed")
    healthy_testbed.restore("cloud")
    cluster.connection.open(fresh=True, patient=True)
    kept = f"[ -e {cluster.root}/*.tmp.part ] && exit 0"
    wait = f"for i in $(seq 60); do {kept}; sleep 0.5; done; exit 1"
    assert cluster.connection.run(wait, timeout=60).exit_code == 0
    assert not [
        name for name in cluster.folders if name.startswith("image-") and ".tmp." not in name
    ]
    cluster.events.clear()
    environment = cluster.realise(wanted)
    first = next(e["done"] for e in cluster.events if e.get("total") == image.stat().st_size)
    assert first > 0, "what had arrived is not sent again"
    assert cluster.preflight(environment).worker.parsl == parsl.__version__
    assert not [name for name in cluster.folders if ".tmp." in name]


def test_a_full_disk_is_said_and_nothing_half_made_stays(reach, healthy_testbed, image):
    cluster = reach("onprem")
    with (
        healthy_testbed.fill_disk("onprem", leave_bytes=40 << 20),
        pytest.raises(NoSpace) as raised,
    ):
        cluster.realise(container(image=f"file:{image}"))
    assert "towline env gc onprem" in raised.value.next_step
    assert not [name for name in cluster.folders if name.startswith("image-")]


def test_an_unpacked_image_that_does_not_fit_is_said(
    reach, healthy_testbed, image_of_another_minor
):
    """The image itself fits; what it unpacks to does not."""
    cluster = reach("onprem")
    leave = image_of_another_minor.stat().st_size + (12 << 20)
    with healthy_testbed.fill_disk("onprem", leave_bytes=leave), pytest.raises(NoSpace):
        cluster.realise(container(image=f"file:{image_of_another_minor}"))
    assert not [name for name in cluster.folders if name.startswith("image-")]


def test_an_image_of_the_cluster_is_used_as_it_is(reach, image):
    """Nothing of it is copied, and it is tried anew each time: it is not ours to watch."""
    cluster = reach("onprem")
    pushed = image.read_bytes()
    cluster.connection.run(f"mkdir -p {cluster.root}; cat >{cluster.root}/mine.sif", input=pushed)
    environment = cluster.realise(container(image=f"{cluster.root}/mine.sif"))
    assert cluster.preflight(environment).worker.parsl == parsl.__version__
    assert not cluster.preflight(
        cluster.realise(container(image=f"{cluster.root}/mine.sif"))
    ).remembered
    assert not [name for name in cluster.folders if name.startswith("image-")]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"image": "/nowhere/image.sif"}, "the image /nowhere/image.sif is not there"),
        ({"image": "/etc/hostname"}, "no Python starts in the image"),
        ({"image": "/usr", "runtime": "/opt/none/apptainer"}, "there is no /opt/none/apptainer"),
        ({"image": "/usr", "binds": ["/not/there:/data"]}, "/not/there is not on the controller"),
        ({"image": "docker://nobody/nothing:1"}, "could not make the image from docker://nobody"),
    ],
)
def test_what_cannot_work_is_said_in_words_and_leaves_nothing(
    reach, apptainer, monkeypatch, tmp_path, keys, words
):
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")  # no Apptainer in the workspace
    cluster = reach("onprem")
    with pytest.raises(EnvironmentBuildFailed) as raised:
        cluster.realise(container(**keys))
    assert words in raised.value.cause
    assert raised.value.next_step
    assert {name.partition("-")[0] for name in cluster.folders} <= {"packages"}


def test_an_image_without_python_is_refused(reach, image_without_python):
    cluster = reach("onprem")
    with pytest.raises(EnvironmentBuildFailed, match="the image has no Python") as raised:
        cluster.realise(container(image=f"file:{image_without_python}"))
    assert f"install Python {MINOR} in it" in raised.value.next_step


def test_an_image_with_another_minor_is_refused_before_a_job(reach, image_of_another_minor):
    cluster = reach("onprem")
    environment = cluster.realise(container(image=f"file:{image_of_another_minor}"))
    with pytest.raises(EnvironmentMismatch, match=r"would run Python 3\.99.*Nothing was submitted"):
        cluster.preflight(environment)
    assert cluster.say("squeue -h") == ""


DEFINITION = """\
Bootstrap: localimage
From: base.sif

%files
    data.txt /opt/data.txt

%post
    mkdir -p /opt/made
    touch /opt/made/{name}
"""


@pytest.fixture
def definition(image: Path, tmp_path: Path) -> Path:
    """A definition file on top of the image, with a file beside it."""
    (tmp_path / "base.sif").symlink_to(image)
    (tmp_path / "data.txt").write_text("from the workspace\n")
    path = tmp_path / "work.def"
    path.write_text(DEFINITION.format(name="here"))
    return path


FAST = "-noD -noI -noF -noX"
"""Options of mksquashfs: compression would be most of a build's time."""


def test_a_definition_is_built_on_the_controller_where_the_workspace_has_no_apptainer(
    reach, definition
):
    """An edited file of its %files makes another image."""
    cluster = reach("onprem")
    lines = (f"export APPTAINER_MKSQUASHFS_ARGS='{FAST}'",)
    wanted = container(definition=str(definition)).model_copy(update={"init": lines})
    environment = cluster.realise(wanted)
    code = 'import os; print(open("/opt/data.txt").read().strip(), *os.listdir("/opt/made"))'
    said = cluster.say(f"srun {environment.python} -c '{code}'")
    assert said == "from the workspace here\n"
    name = next(name for name in cluster.folders if name.startswith("image-"))
    record = lock_record(cluster.connection, cluster.facts, name, root=cluster.root)
    assert "%post" in record["text"]
    key = plan_container(wanted, cluster.facts, "onprem").environment.key
    definition.with_name("data.txt").write_text("edited\n")
    assert plan_container(wanted, cluster.facts, "onprem").environment.key != key


def test_a_definition_is_built_in_the_workspace_where_apptainer_is_there(
    reach, definition, apptainer, monkeypatch
):
    """Built once, then sent to both clusters."""
    monkeypatch.setenv("PATH", f"{apptainer.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("APPTAINER_MKSQUASHFS_ARGS", FAST)
    definition.write_text(DEFINITION.format(name="in-the-workspace"))
    wanted = container(definition=str(definition))
    for name in ("onprem", "cloud"):
        cluster = reach(name)
        environment = cluster.realise(wanted)
        states = [
            event.get("state") for event in cluster.events if "image-" in str(event.get("key"))
        ]
        assert ("building" in states) == (name == "onprem")
        assert (
            cluster.say(f"{environment.python} -c 'import os; print(os.listdir(\"/opt/made\"))'")
            == "['in-the-workspace']\n"
        )


@pytest.mark.parametrize("place", ["workspace", "controller"])
def test_a_definition_that_fails_to_build_shows_the_tools_own_words(
    reach, definition, apptainer, monkeypatch, place
):
    if place == "workspace":
        monkeypatch.setenv("PATH", f"{apptainer.parent}:{os.environ['PATH']}")
    definition.write_text("Bootstrap: localimage\nFrom: base.sif\n%post\n    no-such-command\n")
    cluster = reach("onprem")
    with pytest.raises(EnvironmentBuildFailed, match="no-such-command: .*not found"):
        cluster.realise(container(definition=str(definition)))
    assert {name.partition("-")[0] for name in cluster.folders} <= {"packages"}


def test_images_are_listed_and_go_with_the_last_environment_on_them(reach, image_of_another_minor):
    cluster = reach("onprem")
    cluster.realise(container(image=f"file:{image_of_another_minor}"))
    cluster.realise(container(image=f"file:{image_of_another_minor}", gpu="nv"))
    held = list_environments(cluster.connection, cluster.facts, root=cluster.root)
    shared = [item for item in held if item.is_shared]
    assert sorted(item.name.partition("-")[0] for item in shared) == ["image", "packages"]
    assert max(item.size_kb for item in shared) > 20_000, "the unpacked image counts"
    going = to_delete(held, older_than_days=0, now=held[0].last_used + 3 * 86400)
    assert len(going) == 4
    for item in going:
        assert delete(cluster.connection, cluster.facts, item, root=cluster.root)
    assert cluster.folders == []


def test_an_image_that_is_not_in_the_workspace_is_said_at_once(reach, apptainer):
    cluster = reach("onprem")
    with pytest.raises(DefinitionError, match="the image is not there"):
        cluster.realise(container(image="file:/nowhere/image.sif"))
