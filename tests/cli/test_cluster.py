"""``towline cluster`` without a cluster: definitions, lists, imports, and this machine."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from .command import Towline


def add(towline: Towline, name: str, *options: str) -> None:
    assert towline("cluster", "add", name, "--no-check", *options).exit_code == 0


# --- add ------------------------------------------------------------------------------------


def test_add_writes_a_file_with_what_was_said_and_names_the_next_command(
    towline: Towline, home: Path
) -> None:
    answer = towline(
        *("cluster", "add", "onprem", "--no-check", "--host", "login.example.org"),
        *("--user", "alice", "--port", "2222", "--jump", "gate", "--partition", "gpu"),
        *("--partition", "compute", "--tag", "big", "--description", "The big one"),
    )
    file = home / "towline" / "config" / "clusters" / "onprem.yaml"
    assert answer.exit_code == 0
    assert str(file) in answer.out
    assert "next: towline cluster check onprem" in answer.out
    assert file.read_text().splitlines()[1:] == [
        "type: slurm",
        "host: login.example.org",
        "user: alice",
        "port: 2222",
        "jump: gate",
        "partitions:",
        "- gpu",
        "- compute",
        "description: The big one",
        "tags:",
        "- big",
    ]


def test_a_user_before_the_host_is_taken_as_the_user(towline: Towline) -> None:
    add(towline, "onprem", "--host", "alice@login")
    definition = towline("cluster", "show", "onprem", "--json").data["definition"]
    assert (definition["user"], definition["host"]) == ("alice", "login")


def test_paths_are_kept_as_absolute_ones(
    towline: Towline, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    add(towline, "onprem", "--host", "h", "--identity-file", "key", "--ssh-config", "~/conf")
    definition = towline("cluster", "show", "onprem", "--json").data["definition"]
    assert definition["identity_file"] == str(home / "key")
    assert definition["ssh_config"] == str(home / "conf")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Bad Name", "--host", "h"], "a name has 2-250 of a-z"),
        (["onprem"], "no host is given"),
        (["onprem", "--host", "h", "--user", "a b"], "user must be one word"),
        (["onprem", "--host=-oProxyCommand=x"], "host must be a host name"),
        (["onprem", "--host", "h", "--root", "scratch"], "root must be an absolute path"),
        (["onprem", "--host", "h", "--type", "local"], "it has no host"),
        (["onprem", "--host", "h", "--type", "slrum"], "slrum"),
        (["onprem", "--host", "h", "--port", "many"], "--port"),
        (["onprem", "--host", "h", "--port", "70000"], "less than or equal to 65535"),
    ],
)
def test_a_wrong_option_is_refused_with_exit_code_2_and_nothing_is_written(
    towline: Towline, home: Path, words: list[str], said: str
) -> None:
    answer = towline("cluster", "add", *words)
    assert answer.exit_code == 2
    assert said in answer.err
    assert answer.out == ""
    assert list((home / "towline").rglob("*.yaml")) == []


def test_a_name_that_is_taken_is_refused_unless_replaced(towline: Towline) -> None:
    add(towline, "onprem", "--host", "first")
    answer = towline("cluster", "add", "onprem", "--host", "second", "--no-check")
    assert answer.exit_code == 2
    assert "exists already" in answer.err
    assert "next:" in answer.err
    add(towline, "onprem", "--host", "second", "--replace")
    assert towline("cluster", "show", "onprem", "--json").data["definition"]["host"] == "second"


def test_adding_this_machine_checks_it_for_real(towline: Towline) -> None:
    answer = towline("cluster", "add", "here", "--type", "local", "--json")
    assert answer.exit_code == 0
    assert answer.data["usable"] is True
    statuses = answer.steps()
    assert list(statuses) == [
        "definition",
        "connection",
        "system",
        "folder and disk",
        "Python for apps",
    ]
    assert statuses["system"] == "ok"


def test_a_host_that_nobody_knows_is_kept_and_fails_as_out_of_reach(towline: Towline) -> None:
    answer = towline("cluster", "add", "nohost", "--host", "127.0.0.1", "--port", "1")
    assert answer.exit_code == 3
    assert "Connection refused" in answer.out
    assert "not tried" in answer.out
    assert "nohost: not usable (connection)" in answer.out
    assert "When it is put right: towline cluster check nohost" in answer.out
    assert towline("cluster", "show", "nohost").exit_code == 0


# --- list, show, remove ---------------------------------------------------------------------


def test_no_cluster_yet_says_how_to_start(towline: Towline) -> None:
    answer = towline("cluster", "list")
    assert answer.exit_code == 0
    assert "towline cluster add NAME --host HOST" in answer.out
    assert towline("cluster", "list", "--json").data == []


def test_list_shows_each_cluster_and_when_it_was_seen(towline: Towline) -> None:
    towline("cluster", "add", "here", "--type", "local")
    add(towline, "onprem", "--host", "login", "--description", "The big one")
    rows = {row["name"]: row for row in towline("cluster", "list", "--json").data}
    assert rows["onprem"]["seen"] == "never"
    assert rows["onprem"]["description"] == "The big one"
    assert rows["here"]["host"] == "this machine"
    assert rows["here"]["seen"].endswith("ago")
    assert "The big one" in towline("cluster", "list").out


def test_one_broken_file_does_not_hide_the_others(towline: Towline, home: Path) -> None:
    add(towline, "onprem", "--host", "login")
    broken = home / "towline" / "config" / "clusters" / "broken.yaml"
    broken.write_text("hsot: x\n")
    answer = towline("cluster", "list")
    assert answer.exit_code == 2
    assert "onprem  slurm" in answer.out
    assert f"error: {broken}:1: unknown key 'hsot'; did you mean 'host'?" in answer.err


def test_show_tells_what_is_defined_and_what_was_seen(towline: Towline) -> None:
    add(towline, "here", "--type", "local")
    assert (
        "Never looked at. next: towline cluster check here"
        in towline("cluster", "show", "here").out
    )
    assert towline("cluster", "show", "here", "--json").data["facts"] is None
    answer = towline("cluster", "show", "here", "--refresh")
    assert answer.exit_code == 0
    assert "Linux" in answer.out
    assert towline("cluster", "show", "here", "--json").data["facts"]["system"] == "Linux"


@pytest.mark.parametrize("command", ["show", "check", "login", "remove"])
def test_an_unknown_cluster_is_refused_with_a_suggestion(towline: Towline, command: str) -> None:
    add(towline, "onprem", "--host", "login")
    answer = towline("cluster", command, "onprm")
    assert answer.exit_code == 2
    assert "cluster onprm: is not defined; did you mean 'onprem'?" in answer.err
    assert "next: towline cluster list" in answer.err


def test_an_error_is_json_when_json_was_asked_for(towline: Towline) -> None:
    answer = towline("cluster", "show", "onprem", "--json")
    assert answer.exit_code == 2
    assert answer.data["error"] == "DefinitionError"
    assert answer.data["next"] == "towline cluster add onprem --host HOST"


def test_remove_forgets_definition_and_facts(towline: Towline, home: Path) -> None:
    towline("cluster", "add", "here", "--type", "local")
    answer = towline("cluster", "remove", "here")
    assert answer.exit_code == 0
    assert "here: removed" in answer.out
    assert list((home / "towline").rglob("*here*")) == []


def test_a_broken_definition_can_be_removed(towline: Towline, home: Path) -> None:
    add(towline, "onprem", "--host", "login")
    file = home / "towline" / "config" / "clusters" / "onprem.yaml"
    file.write_text("host: [\n")
    assert towline("cluster", "remove", "onprem").exit_code == 0
    assert not file.exists()


def test_there_is_nothing_to_log_in_to_on_this_machine(towline: Towline) -> None:
    add(towline, "here", "--type", "local")
    answer = towline("cluster", "login", "here")
    assert (answer.exit_code, answer.out) == (
        0,
        "here is this machine: there is nothing to log in to\n",
    )


# --- import-ssh-config ----------------------------------------------------------------------


@pytest.fixture
def ssh_config(home: Path) -> Path:
    (home / ".ssh").mkdir()
    config = home / ".ssh" / "config"
    config.write_text("Include more\nHost onprem hpc-1 hpc-2 *.edu\nHost *\n  User x\n")
    (home / ".ssh" / "more").write_text("Host Login.Example\n")
    return config


def test_all_hosts_of_the_ssh_configuration_become_clusters(
    towline: Towline, ssh_config: Path
) -> None:
    add(towline, "onprem", "--host", "other")
    answer = towline("cluster", "import-ssh-config", "--all", "--json")
    assert answer.exit_code == 0
    assert answer.data == [
        {"host": "Login.Example", "cluster": "login_example", "result": "defined"},
        {"host": "onprem", "cluster": "onprem", "result": "cluster onprem exists already"},
        {"host": "hpc-1", "cluster": "hpc-1", "result": "defined"},
        {"host": "hpc-2", "cluster": "hpc-2", "result": "defined"},
    ]
    shown = towline("cluster", "show", "login_example", "--json").data["definition"]
    assert (shown["host"], shown["ssh_config"]) == ("Login.Example", None)


def test_a_pattern_takes_the_hosts_that_match(towline: Towline, ssh_config: Path) -> None:
    answer = towline("cluster", "import-ssh-config", "hpc-*", "--type", "ssh")
    assert "next: towline cluster check NAME" in answer.out
    rows = towline("cluster", "list", "--json").data
    assert [(row["name"], row["type"]) for row in rows] == [("hpc-1", "ssh"), ("hpc-2", "ssh")]


def test_a_pattern_that_matches_nothing_says_so(towline: Towline, ssh_config: Path) -> None:
    answer = towline("cluster", "import-ssh-config", "nobody-*")
    assert answer.exit_code == 0
    assert "No host of" in answer.out


def test_another_ssh_configuration_is_remembered_in_the_definitions(
    towline: Towline, home: Path
) -> None:
    config = home / "site_config"
    config.write_text("Host site\n")
    towline("cluster", "import-ssh-config", "--all", "--ssh-config", str(config))
    shown = towline("cluster", "show", "site", "--json").data["definition"]
    assert shown["ssh_config"] == str(config)


def test_without_a_terminal_it_says_how_to_choose(
    towline: Towline, ssh_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        answer = towline("cluster", "import-ssh-config")
    assert answer.exit_code == 2
    assert "Login.Example, onprem, hpc-1, hpc-2" in answer.err
    assert "towline cluster import-ssh-config PATTERN, or --all" in answer.err


def test_a_missing_ssh_configuration_is_named(towline: Towline, home: Path) -> None:
    answer = towline("cluster", "import-ssh-config", "--all")
    assert answer.exit_code == 2
    assert f"{home / '.ssh' / 'config'}: cannot be read: No such file" in answer.err


def test_on_a_terminal_the_user_chooses_and_a_wrong_answer_is_asked_again(
    home: Path, ssh_config: Path
) -> None:
    leader, follower = pty.openpty()
    program = "from towline.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "cluster", "import-ssh-config"],
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        os.close(follower)
        os.write(leader, b"9\n1 hpc-2\n")
        shown, _ = process.communicate(timeout=30)
    os.close(leader)
    assert process.returncode == 0, shown
    assert "there is no number 9: choose from 1 to 4" in shown
    names = sorted(path.name for path in (home / "towline/config/clusters").iterdir())
    assert names == ["hpc-2.yaml", "login_example.yaml"]


# --- around the commands --------------------------------------------------------------------


def test_every_command_has_help_with_an_example(towline: Towline) -> None:
    for command in ("add", "list", "show", "check", "login", "remove", "import-ssh-config"):
        answer = towline("cluster", command, "--help")
        assert answer.exit_code == 0
        assert f"towline cluster {command}" in answer.out.split("Usage:", 1)[1].partition("\n")[2]


def test_names_of_clusters_are_completed_by_the_shell(towline: Towline) -> None:
    for name in ("onprem", "other", "cloud"):
        add(towline, name, "--host", "h")
    environment = {
        **os.environ,
        "_TOWLINE_COMPLETE": "complete_bash",
        "COMP_WORDS": "towline cluster check o",
        "COMP_CWORD": "3",
    }
    program = "from towline.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv = ['towline']; {program}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["onprem", "other"], done.stderr
