"""One Parsl script, an app per cluster, and one app's result used on the other cluster."""

import argparse
import time

import parsl

import towline


@parsl.python_app(executors=["onprem_compute"])
def sample(size):
    """Draw a sample on the on-premise cluster."""
    import os
    import random
    import socket
    import time

    started = time.time()
    draw = random.Random(size).random
    values = [draw() for _ in range(size)]
    return {
        "host": socket.gethostname(),
        "partition": os.environ.get("SLURM_JOB_PARTITION", "-"),
        "started": started,
        "ended": time.time(),
        "value": values,
    }


@parsl.python_app(executors=["cloud_compute"])
def mean(sampled):
    """Reduce, in the cloud, what was drawn on premise."""
    import os
    import socket
    import statistics
    import time

    started = time.time()
    value = statistics.fmean(sampled["value"])
    return {
        "host": socket.gethostname(),
        "partition": os.environ.get("SLURM_JOB_PARTITION", "-"),
        "started": started,
        "ended": time.time(),
        "value": value,
    }


@parsl.python_app(executors=["onprem_gpu"])
def on_gpu(reduced):
    """Use the cloud's result beside a GPU of the on-premise cluster."""
    import os
    import socket
    import time

    started = time.time()
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "-")
    return {
        "host": socket.gethostname(),
        "partition": os.environ.get("SLURM_JOB_PARTITION", "-"),
        "started": started,
        "ended": time.time(),
        "value": f"mean {reduced['value']:.4f} on GPU {gpu}",
    }


@parsl.python_app(executors=["onprem_compute", "cloud_compute"])
def small(number):
    """Return at once: many of these show what a task costs."""
    import socket

    return socket.gethostname(), number * number


def row(app, cluster, result, asked):
    """Return a line of the table."""
    queued, ran = result["started"] - asked, result["ended"] - result["started"]
    where = f"{cluster:<9}{result['partition']:<11}{result['host']:<13}"
    return f"{app:<10}{where}{queued:>7.2f} s {ran:>8.3f} s"


def main():
    """Run the apps and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=400, help="small tasks on both clusters")
    options = parser.parse_args()
    began = time.time()
    with towline.load():
        asked = time.time()
        sampled = sample(10_000)
        reduced = mean(sampled)
        last = on_gpu(reduced)
        sampled.result()
        first = time.time() - began

        print(f"\n{'app':<10}{'cluster':<9}{'partition':<11}{'host':<13}{'queued':>9}{'ran':>11}")
        print(row("sample", "onprem", sampled.result(), asked), flush=True)
        print(row("mean", "cloud", reduced.result(), sampled.result()["ended"]), flush=True)
        print(row("on_gpu", "onprem", last.result(), reduced.result()["ended"]), flush=True)

        for future in [small(number) for number in range(20)]:  # both clusters are warm now
            future.result()
        batch_began = time.time()
        results = [future.result() for future in [small(n) for n in range(options.tasks)]]
        seconds = time.time() - batch_began
        hosts = ", ".join(sorted({host for host, _ in results}))
        print(f"\n{last.result()['value']}")
        print(f"first result after {first:.1f} s")
        print(f"{options.tasks} small tasks on {hosts}: {options.tasks / seconds:.0f} tasks/s")


if __name__ == "__main__":
    main()
