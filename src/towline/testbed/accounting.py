"""MariaDB and slurmdbd on a controller: their configuration and the shell that starts them."""

from __future__ import annotations

from towline.testbed.spec import Cluster

DATABASE = "lib/mysql"  # below /var
PREPARED = "lib/prepared-database.tgz"  # below /var; made at a boot without a database

MARIADB_CONF = """\
[mysqld]
user=mysql
datadir=/var/lib/mysql
socket=/run/mysqld/mysqld.sock
pid-file=/run/mysqld/mysqld.pid
skip-networking
skip-log-bin
skip-name-resolve
performance_schema=OFF
innodb_buffer_pool_size=16M
innodb_buffer_pool_dump_at_shutdown=OFF
innodb_buffer_pool_load_at_startup=OFF
innodb_autoextend_increment=1
innodb_log_file_size=8M
innodb_flush_log_at_trx_commit=0
innodb_lock_wait_timeout=900
innodb_temp_data_file_path=ibtmp1:2M:autoextend
key_buffer_size=1M
aria_pagecache_buffer_size=1M
table_open_cache=100
max_connections=20
[client]
socket=/run/mysqld/mysqld.sock
"""

# Slurm 22.05 writes a message to slurmdbd in two pieces, so that each waits 44 ms for the kernel's
# delayed acknowledgement of the first one: acknowledge at once on the way to the own address.
#
# Making the database takes three seconds, starting on a ready one 0.2: so it is made once, packed
# while nobody writes to it, and every later testbed begins with it.
_SERVICES = """\
ip route replace table local local {address} dev lan0 proto kernel scope host \
  src {address} quickack 1
mkdir -p /run/mysqld; chown mysql:mysql /run/mysqld
start_database() {{
  mariadbd --defaults-file=/etc/mysql/my.cnf >>/var/log/mariadbd.log 2>&1 &
  database=$!
  until mariadb-admin --defaults-file=/etc/mysql/my.cnf ping >/dev/null 2>&1; do
    kill -0 $database || return
    sleep 0.02
  done
}}
start_slurmdbd() {{
  /usr/sbin/slurmdbd -D >>/var/log/slurm/slurmdbd.out 2>&1 &
  slurmdbd=$!
  until ss -ltn | grep -q :6819; do
    kill -0 $slurmdbd || return
    sleep 0.02
  done
}}
if [ -d /var/{database}/mysql ]; then
  start_database
  start_slurmdbd
else
  mariadb-install-db --defaults-file=/etc/mysql/my.cnf --user=mysql \\
    --auth-root-authentication-method=socket --skip-test-db >/var/log/mariadb-install.log 2>&1
  start_database
  mariadb --defaults-file=/etc/mysql/my.cnf -e "
    create database slurm_acct_db;
    create user slurm@localhost identified via unix_socket;
    grant all on slurm_acct_db.* to slurm@localhost"
  start_slurmdbd
  sacctmgr -i add cluster {name} >/var/log/slurm/sacctmgr.out 2>&1
  kill $slurmdbd; wait $slurmdbd
  mariadb-admin --defaults-file=/etc/mysql/my.cnf shutdown; wait $database
  tar -C /var -czf /var/{prepared} {database}
  start_database
  start_slurmdbd
fi
"""


def services(cluster: Cluster) -> str:
    """Return the shell that starts MariaDB, then slurmdbd, and waits until it listens."""
    return _SERVICES.format(
        name=cluster.name,
        address=cluster.controller_lan_address,
        database=DATABASE,
        prepared=PREPARED,
    )
