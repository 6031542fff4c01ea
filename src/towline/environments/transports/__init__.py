"""Ways to bring packages to a cluster other than to send them: it installs them itself."""

from towline.environments.transports.cluster_install import cluster_packages

__all__ = ["cluster_packages"]
