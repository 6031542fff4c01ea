"""The keys of the 2022 talk's ``executors.json`` and what they are called here."""

from __future__ import annotations

TALK_KEYS = {
    "POOL": "cluster",
    "RUN_DIR": "run_dir",
    "NODES": "nodes",
    "NODES_PER_BLOCK": "nodes",
    "PARTITION": "partition",
    "QUEUE": "partition",
    "NTASKS_PER_NODE": "tasks_per_node",
    "WALLTIME": "walltime",
    "CONDA_ENV": "conda_env",
    "CONDA_DIR": "conda_dir",
    "INSTALL_CONDA": "install_conda",
    "LOCAL_CONDA_YAML": "local_conda_yaml",
    "CREATE_SINGULARITY_CONTAINER": "create_singularity_container",
    "LOCAL_SINGULARITY_FILE": "container_def",
    "SINGULARITY_CONTAINER_PATH": "container_image",
    "CORES_PER_WORKER": "cores_per_worker",
    "CORES_PER_NODE": "cores_per_node",
    "MIN_BLOCKS": "min_blocks",
    "MAX_BLOCKS": "max_blocks",
    "PROVIDER_TYPE": "provider",
    "ENV_KIND": "environment",
    "ENV_ROOT": "env_root",
}
"""Talk's key -> our field."""

IGNORED_TALK_KEYS = {
    "HOST_USER": "the cluster's definition says who logs in",
    "HOST_IP": "the cluster's definition says where the controller is",
    "WORKER_PORT_1": "the link chooses a free port on the controller",
    "WORKER_PORT_2": "workers need only one port since Parsl 2025.06.30",
    "WORKER_LOGDIR_ROOT": "workers' logs are fetched into the run folder",
    "SSH_CHANNEL_SCRIPT_DIR": "job scripts live in the run's own folder on the controller",
    "STAGE_PARSL_UTILS": "nothing of the kind is needed",
    "JOB_SCHEDULER_TYPE": "the cluster's definition says which scheduler it has",
    "POOL_TYPE": "the cluster's definition says its type",
}
"""Talk's key -> why it has no effect any more; each use is noted, none is an error."""

TALK_PROVIDERS = {"LOCAL": "controller", "SLURM": "slurm"}
"""PROVIDER_TYPE's values -> ours; the talk's LocalProvider ran on the controller."""
