"""What came of giving an environment the name that the user knows it by."""

from __future__ import annotations

from towline.environments.cluster_side import Report, marked


def tell_conda_name(answer: str | bytes, report: Report) -> None:
    """Tell when ``CONDA_DIR/envs/CONDA_ENV`` is the user's own, which stays, or cannot be made."""
    said = marked(answer)
    for words in said["failed"]:
        report("warning", text=f"the environment is there, but its link {words}")
    for theirs in said["theirs"]:
        report(
            "warning",
            text=f"{theirs} is not from Towline and stays as it is; workers use the environment "
            "made from the file",
        )
