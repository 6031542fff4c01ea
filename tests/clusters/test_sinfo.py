"""What sinfo answers, in the columns that the probe asks for."""

from __future__ import annotations

import pytest

from towline.clusters import Partition
from towline.clusters._sinfo import minutes, read_partitions


def test_one_partition_with_two_kinds_of_node_is_one_with_the_smaller_figures() -> None:
    parts = read_partitions(
        [
            "compute*|up|1-00:00:00|1-infinite|40|30/8/2/40|64|256000|(null)",
            "compute*|up|1-00:00:00|1-infinite|4|0/4/0/4|48|512000|gpu:a100:4(S:0-1)",
            "gpu|up|1-00:00:00|1-2|4|0/4/0/4|48|512000|gpu:a100:4(S:0-1)",
        ]
    )
    assert parts == (
        Partition(
            name="compute",
            default=True,
            max_time_minutes=1440,
            nodes=44,
            nodes_available=42,
            cpus_per_node=48,
            mem_mb=256000,
            gres=("gpu:a100:4",),
        ),
        Partition(
            name="gpu",
            max_time_minutes=1440,
            max_nodes=2,
            nodes=4,
            nodes_available=4,
            cpus_per_node=48,
            mem_mb=512000,
            gres=("gpu:a100:4",),
        ),
    )


@pytest.mark.parametrize(
    ("version", "line", "wanted"),
    [
        (
            "20.11",
            "debug*|up|infinite|1-infinite|2|2/0/0/2|8|7821|(null)",
            Partition(
                name="debug", default=True, nodes=2, nodes_available=2, cpus_per_node=8, mem_mb=7821
            ),
        ),
        (
            "23.11",
            "gpu|drain|2-12:30:00|1|1|0/0/1/1|128|1031000|gpu:a100:8(S:0-7),shard:16(S:0-7)",
            Partition(
                name="gpu",
                state="drain",
                max_time_minutes=3630,
                max_nodes=1,
                nodes=1,
                cpus_per_node=128,
                mem_mb=1031000,
                gres=("gpu:a100:8", "shard:16"),
            ),
        ),
        (
            "24.11",
            "cloud|up|30:00|1-4|20|0/20/0/20|4+|2000+|gpu:fake:2",
            Partition(
                name="cloud",
                max_time_minutes=30,
                max_nodes=4,
                nodes=20,
                nodes_available=20,
                cpus_per_node=4,
                mem_mb=2000,
                gres=("gpu:fake:2",),
            ),
        ),
        (
            "a partition without nodes",
            "empty|inact|n/a|1-infinite|0|0/0/0/0|0|0|(null)",
            Partition(name="empty", state="inact"),
        ),
    ],
)
def test_a_line_of_each_slurm_version_is_read(version: str, line: str, wanted: Partition) -> None:
    assert read_partitions([line]) == (wanted,), version


def test_lines_that_are_no_partition_are_left_out() -> None:
    noise = ["", "CLUSTER: big", "sinfo: error: something", "a|b|c", "|up|1|1|1|1/1/1/1|1|1|x"]
    assert read_partitions(noise) == ()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("infinite", None),
        ("UNLIMITED", None),
        ("n/a", None),
        ("45", 45),
        ("30:00", 30),
        ("1:00:00", 60),
        ("12:30:59", 750),
        ("2-00:00:00", 2880),
        ("2-12", 3600),
        ("2-12:30", 3630),
    ],
)
def test_durations_are_read_as_slurms_manual_says(text: str, wanted: int | None) -> None:
    assert minutes(text) == wanted
