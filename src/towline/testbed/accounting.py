"""MariaDB and slurmdbd on a controller: their configuration and the shell that starts them."""

from __future__ import annotations

from towline.testbed.spec import Cluster

MARIADB_CONF = """\
[mysqld]
user=mysql
datadir=/var/lib/mysql
socket=/run/mysqld/mysqld.sock
pid-file=/run/mysqld/mysqld.pid
skip-networking
skip-log-bin
performance_schema=OFF
innodb_buffer_pool_size=16M
innodb_log_file_size=8M
innodb_flush_log_at_trx_commit=0
innodb_lock_wait_timeout=900
innodb_doublewrite=0
innodb_temp_data_file_path=ibtmp1:2M:autoextend
key_buffer_size=1M
aria_pagecache_buffer_size=1M
table_open_cache=100
max_connections=20
[client]
socket=/run/mysqld/mysqld.sock
"""

_SERVICES = """\
mkdir -p /run/mysqld; chown mysql:mysql /run/mysqld
[ -d /var/lib/mysql/mysql ] || mariadb-install-db --defaults-file=/etc/mysql/my.cnf --user=mysql \\
  --auth-root-authentication-method=socket --skip-test-db >/var/log/mariadb-install.log 2>&1
mariadbd --defaults-file=/etc/mysql/my.cnf >/var/log/mariadbd.log 2>&1 &
until mariadb-admin --defaults-file=/etc/mysql/my.cnf ping >/dev/null 2>&1; do sleep 0.1; done
mariadb --defaults-file=/etc/mysql/my.cnf -e "
  create database if not exists slurm_acct_db;
  create user if not exists slurm@localhost identified via unix_socket;
  grant all on slurm_acct_db.* to slurm@localhost"
/usr/sbin/slurmdbd -D >/var/log/slurm/slurmdbd.out 2>&1 &
until ss -ltn | grep -q :6819; do sleep 0.05; done
sacctmgr -i add cluster {name} >/dev/null 2>&1 || true
"""


def services(cluster: Cluster) -> str:
    """Return the shell that starts MariaDB, then slurmdbd, and waits until it listens."""
    return _SERVICES.format(name=cluster.name)
