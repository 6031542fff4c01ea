"""Memory and CPU of link client and agent: at rest, with 256 managers, and at full rate.

python bench/link_footprint.py [--seconds N] [--megabytes N]
"""

from __future__ import annotations

import argparse
import json
import secrets
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from common import clusters
from link_throughput import link_down, link_up

from towline.clusters import ClusterStore
from towline.link import Link
from towline.ssh import Connection, quote

MANAGERS = 256
CROWD = """
import socket, sys
crowd = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(int(sys.argv[2]))]
print("there", flush=True)
for line in sys.stdin:
    for one in crowd:
        one.sendall(bytes(1000))
    for one in crowd:
        left = 1000
        while left:
            left -= len(one.recv(left))
    print("done", flush=True)
"""

Stats = dict[str, dict[str, Any]]


def both(link: Link) -> Stats:
    """Return the counters of client and agent."""
    return {"client": link.stats(), "agent": link.stats(agent=True)}


def show(name: str, before: Stats, after: Stats, seconds: float, megabytes: float = 0) -> None:
    """Print what each side used between two moments."""
    for side in ("client", "agent"):
        cpu = after[side]["cpu_seconds"] - before[side]["cpu_seconds"]
        facts = {
            "name": name,
            "side": side,
            "peak_memory_MB": round(after[side]["peak_memory_bytes"] / 1e6, 1),
            "cpu_percent": round(100 * cpu / seconds, 2),
            "wakeups_per_second": round(
                (after[side]["wakeups"] - before[side]["wakeups"]) / seconds, 1
            ),
        }
        if megabytes:
            facts["cpu_seconds_per_GB"] = round(1000 * cpu / megabytes, 2)
        print(json.dumps(facts))


def echo_all(server: socket.socket, count: int) -> None:
    """Accept so many managers and send back what they send, until they leave."""
    with ThreadPoolExecutor(count) as pool:
        for _ in range(count):
            pool.submit(_echo, server.accept()[0])


def _echo(connection: socket.socket) -> None:
    with connection:
        while data := connection.recv(1 << 16):
            connection.sendall(data)


def main() -> None:
    """Print a line of JSON for each side in each situation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="at rest")
    parser.add_argument("--megabytes", type=int, default=300, help="at full rate")
    asked = parser.parse_args()
    with clusters(), socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        connection = Connection(ClusterStore().load("onprem").destination())
        link = Link(connection, f"bench-{secrets.token_hex(4)}")
        began = time.perf_counter()
        link.start()
        print(json.dumps({"name": "start", "seconds": round(time.perf_counter() - began, 3)}))
        port = link.listen("bench", server.getsockname()[1], "127.0.0.1")

        before = both(link)
        time.sleep(asked.seconds)
        show("at rest", before, both(link), asked.seconds)

        for name, move in (("to the workspace", link_down), ("to the cluster", link_up)):
            before, began = both(link), time.perf_counter()
            move(connection, server, port, asked.megabytes)
            seconds = time.perf_counter() - began
            show(f"full rate, {name}", before, both(link), seconds, asked.megabytes)

        crowd_command = f"exec python3 -c {quote(CROWD)} {port} {MANAGERS}"
        crowd = subprocess.Popen(
            connection.argv(crowd_command), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert crowd.stdin
        assert crowd.stdout
        with ThreadPoolExecutor(1) as pool:
            serving = pool.submit(echo_all, server, MANAGERS)
            assert crowd.stdout.readline() == b"there\n"
            before = both(link)
            time.sleep(asked.seconds)
            show(f"{MANAGERS} managers at rest", before, both(link), asked.seconds)
            before, began = both(link), time.perf_counter()
            for _ in range(20):
                crowd.stdin.write(b"again\n")
                crowd.stdin.flush()
                assert crowd.stdout.readline() == b"done\n"
            seconds = time.perf_counter() - began
            name = f"{MANAGERS} managers, {20 * MANAGERS / seconds:.0f} echoes of 1 kB a second"
            show(name, before, both(link), seconds)
            crowd.stdin.close()
            crowd.wait(60)
            serving.result(60)
        link.close()


if __name__ == "__main__":
    main()
