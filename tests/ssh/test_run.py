"""Connection.run on a real sshd."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from towline.errors import (
    CommandTimedOut,
    ConnectionDropped,
    HostUnreachable,
    NoSpace,
    ReachError,
    SiteError,
    TowlineError,
)
from towline.ssh import Connection, quote, session

from .conftest import Connect, Serve
from .loopback import Loopback, ssh_processes, wait_until


def test_returns_exit_code_output_and_duration(plain: Connection) -> None:
    result = plain.run("echo out; echo err >&2; exit 3")
    assert (result.exit_code, result.stdout, result.stderr) == (3, "out\n", "err\n")
    assert 0 < result.seconds < 60


def test_script_finds_input_on_its_standard_input(plain: Connection) -> None:
    assert plain.run('read -r first; echo "[$first]"; cat', input=b"a b\nc").stdout == "[a b]\nc"


def test_script_without_input_finds_its_standard_input_empty(plain: Connection) -> None:
    assert plain.run("cat; echo end").stdout == "end\n"


@pytest.mark.parametrize(
    "script",
    [
        'printf \'%s\' "it\'s \\"quoted\\" \\$HOME $((1 + 1))"',
        "cat <<'EOF'\nhere 'document' \"with\" \\back\\slashes `and` $more\nEOF",
        "printf '%s' 'grüße, 世界, \u0081\u0088'",
        "# a comment first\n\n\techo tab; echo '100%s \\n %%'",
        "echo a\\\nb; echo '!history' '#hash'",
    ],
)
def test_script_means_the_same_as_in_a_local_shell(plain: Connection, script: str) -> None:
    local = subprocess.run(
        ["sh", "-c", script], capture_output=True, check=True, env={**os.environ, "LC_ALL": "C"}
    )
    assert plain.run(script, check=True).stdout == local.stdout.decode()


def test_very_long_script_runs(plain: Connection) -> None:
    script = "x=0\n" + "x=$((x + 1)) # counts 'one' more\n" * 7000 + "echo $x"
    assert len(script) > 200_000
    assert plain.run(script).stdout == "7000\n"


def test_script_with_a_nul_is_refused(plain: Connection) -> None:
    with pytest.raises(ValueError, match="NUL"):
        plain.run("echo \0")


def test_script_with_a_syntax_error_says_so(plain: Connection) -> None:
    result = plain.run("if true; then")
    assert result.exit_code == 2
    assert "rror" in result.stderr


def test_ten_megabytes_of_input_arrive_whole(plain: Connection) -> None:
    data = os.urandom(10 << 20)
    digest = subprocess.run(["sha256sum"], input=data, capture_output=True, check=True)
    assert plain.run("sha256sum", input=data).stdout == digest.stdout.decode()


def test_input_that_the_script_leaves_unread_does_no_harm(plain: Connection) -> None:
    assert plain.run("echo done", input=bytes(10 << 20)).stdout == "done\n"


def test_binary_output_is_shown_escaped(plain: Connection) -> None:
    assert plain.run(r"printf 'a\377\000b'").stdout == "a\\xff\0b"


def test_output_beyond_the_cap_ends_the_command(plain: Connection) -> None:
    with pytest.raises(ReachError, match=r"wrote more than 1000000 bytes \(max_output\)"):
        plain.run("head -c 5000000 /dev/zero", max_output=1_000_000)
    assert plain.run("echo still fine").stdout == "still fine\n"


def test_output_up_to_the_cap_is_delivered(plain: Connection) -> None:
    assert len(plain.run("head -c 1000000 /dev/zero", max_output=1_000_000).stdout) == 1_000_000


def test_endless_stderr_neither_blocks_nor_fills_memory(plain: Connection) -> None:
    result = plain.run("head -c 9000000 /dev/zero >&2; echo last >&2")
    assert len(result.stderr) == 1 << 20
    assert result.stderr.endswith("last\n")


def test_environment_is_the_login_environment_in_the_c_locale(
    plain: Connection, home: Path
) -> None:
    assert plain.run('echo "$LC_ALL $HOME"').stdout == f"C {home}\n"


def test_check_raises_with_the_scripts_words(plain: Connection) -> None:
    with pytest.raises(SiteError, match=r"'cat /nonexistent' ended with exit code 1: cat: .*such"):
        plain.run("cat /nonexistent", check=True)


def test_check_recognises_a_full_disk(plain: Connection) -> None:
    with pytest.raises(NoSpace, match="No space left on device"):
        plain.run("head -c 1 /dev/zero >/dev/full", check=True)


def test_noise_of_start_up_files_is_dropped(serve: Serve) -> None:
    connection, server = serve("noisy")
    (server.home / ".bashrc").write_text(
        "echo hello; echo 'Welcome to towline-00>' >&2; printf 'no newline at the end'\n"
    )
    noise = subprocess.run(
        connection.argv("true"), capture_output=True, stdin=subprocess.DEVNULL, check=False
    )
    assert noise.returncode == 255  # nothing opened it yet
    result = connection.run("echo out; echo err >&2")
    assert (result.stdout, result.stderr) == ("out\n", "err\n")
    if os.environ.get("SHELL", "").endswith("bash"):
        raw = subprocess.run(connection.argv("true"), capture_output=True, check=True, text=True)
        assert raw.stdout.startswith("hello")  # it was really noisy


def test_account_without_a_shell_is_the_sites_no(serve: Serve) -> None:
    connection, _ = serve("noshell", 'ForceCommand echo "This account is not available."; exit 1')
    with pytest.raises(SiteError, match=r"no POSIX shell; ssh said: This account is not available"):
        connection.run("echo hello")


def test_time_limit_ends_the_wait_and_the_remote_script(plain: Connection, home: Path) -> None:
    script = f"echo $$ >{quote(str(home / 'pid'))}; sleep 1000"
    with pytest.raises(CommandTimedOut, match="did not end within 1 s; it may have had an effect"):
        plain.run(script, timeout=1)
    pid = int((home / "pid").read_text())
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the remote script to be ended")


def test_slow_command_does_not_cost_the_connection(plain: Connection) -> None:
    plain.open()
    master = plain._master.pid()
    with pytest.raises(CommandTimedOut):
        plain.run("sleep 100", timeout=0.5)
    assert plain.run("echo next").stdout == "next\n"
    assert plain._master.pid() == master


def test_process_left_behind_with_our_streams_is_not_waited_for(plain: Connection) -> None:
    result = plain.run("sleep 20 & echo started; echo $! >&2", timeout=10)
    os.kill(int(result.stderr), signal.SIGTERM)
    assert result.stdout == "started\n"


def test_killed_master_in_the_middle_is_a_drop_not_a_success(plain: Connection) -> None:
    plain.open()
    master = plain._master.pid()
    assert master
    threading.Timer(0.5, os.kill, (master, signal.SIGKILL)).start()
    with pytest.raises(ConnectionDropped, match="it may have had an effect"):
        plain.run("echo part; sleep 30; echo rest")
    assert plain.run("echo again").stdout == "again\n"


def test_remote_shell_killed_in_the_middle_is_no_success(plain: Connection) -> None:
    """Without the end marker the output is not whole, whatever ssh's exit code says."""
    with pytest.raises(ConnectionDropped):
        plain.run('echo part; kill -9 "$(ps -o ppid= -p "$PPID" | tr -d " ")"; sleep 0.5')
    assert plain.run("echo again").stdout == "again\n"


def test_connection_found_dead_is_opened_anew(plain: Connection) -> None:
    plain.open()
    master = plain._master.pid()
    assert master
    os.kill(master, signal.SIGKILL)
    assert plain.run("echo here").stdout == "here\n"


def test_refused_session_is_tried_again_until_one_is_free(
    serve: Serve, events: list[tuple[str, dict[str, object]]]
) -> None:
    connection, _ = serve("one", "MaxSessions 1")
    connection.open()
    longer = subprocess.Popen(connection.argv("cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert longer.stdin and longer.stdout
    longer.stdin.write(b"x")
    longer.stdin.flush()
    assert longer.stdout.read(1) == b"x"  # it has the only session
    freed = threading.Event()

    def free_it() -> None:
        wait_until(lambda: any(e == "waiting_session" for e, _ in events), "a refusal")
        longer.communicate()
        freed.set()

    threading.Thread(target=free_it).start()
    assert connection.run("echo mine").stdout == "mine\n"
    assert freed.wait(10)


def test_session_refused_to_the_end_names_the_limit(serve: Serve) -> None:
    connection, _ = serve("none", "MaxSessions 0")
    with pytest.raises(CommandTimedOut, match=r"was not started: .* \(MaxSessions\)"):
        connection.run("echo mine", timeout=1)


def test_twenty_commands_at_once_all_get_their_answer(plain: Connection) -> None:
    """Sessions are limited, so that a usual MaxSessions of 10 is never hit."""
    answers: dict[int, str] = {}

    def ask(number: int) -> None:
        answers[number] = plain.run(f"sleep 0.1; echo {number}").stdout

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == {number: f"{number}\n" for number in range(20)}


def test_no_word_of_the_script_appears_in_a_process_list(plain: Connection) -> None:
    seen: dict[int, str] = {}

    def look() -> None:
        time.sleep(0.3)
        seen.update(ssh_processes("correct-horse"))

    looking = threading.Thread(target=look)
    looking.start()
    plain.run("secret=correct-horse; sleep 1")
    looking.join()
    assert not seen


def test_no_process_left_here_is_an_error_in_words(
    plain: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(*arguments: object, **options: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    plain.open()
    monkeypatch.setattr(session.subprocess, "Popen", no_more)
    with pytest.raises(HostUnreachable, match="no ssh process can be started here: Resource"):
        plain.run("true")


def test_argv_fails_at_once_without_a_master_and_never_connects(
    loopback: Loopback, connect: Connect
) -> None:
    server = loopback.serve("plain")
    connection = connect(loopback, "plain")
    done = subprocess.run(
        connection.argv("echo hello"), capture_output=True, text=True, timeout=10, check=False
    )
    assert (done.returncode, done.stdout) == (255, "")
    assert "towline: the shared connection is gone" in done.stderr
    assert server.connections() == 0


def test_argv_carries_raw_bytes_both_ways(plain: Connection) -> None:
    plain.open()
    data = os.urandom(1 << 20) + b"\n~.\n~C\n"
    done = subprocess.run(plain.argv("cat"), input=data, capture_output=True, timeout=30)
    assert done.stdout == data


SHELLS = ["dash", "bash", "ksh", "mksh", "tcsh", "csh", "fish", "zsh", "busybox"]
"""Login shells of users; those that this machine has are tested."""


def test_any_login_shell_will_do(loopback: Loopback, connect: Connect) -> None:
    for shell in filter(shutil.which, SHELLS):
        run = f"{shell} sh" if shell == "busybox" else shell
        force = f'ForceCommand exec {run} -c "$SSH_ORIGINAL_COMMAND"'
        loopback.serve(shell, force, environment=f'"PATH={os.environ["PATH"]}"')
        result = connect(loopback, shell).run('echo "it\'s ü"; cat; exit 4', input=b"!x")
        assert (shell, result.exit_code, result.stdout) == (shell, 4, "it's ü\n!x")


def test_every_error_names_the_cluster(plain: Connection) -> None:
    with pytest.raises(TowlineError) as caught:
        plain.run("exit 9", check=True)
    assert caught.value.thing == "cluster plain"
