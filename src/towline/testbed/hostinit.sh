#!/bin/sh
# The first process of a simulated host, inside its own mount, net, uts, ipc and pid namespaces.
# Builds the host's file system from the host's folder ($1), moves into it, starts the daemons.
set -eu
folder=$1
. "$folder/settings"
hostname "$HOST"
ip link set lo up
for kind in all default; do echo 1 >/proc/sys/net/ipv6/conf/$kind/disable_ipv6; done 2>/dev/null || :
# Where the kernel can: look again soon after the network was frozen.
echo 2000 2>/dev/null >/proc/sys/net/ipv4/tcp_rto_max_ms || :

# That a neighbour is gone is known after a second, not after fifteen.
(
    cd /proc/sys/net/ipv4/neigh/lan0 && echo 1000 >base_reachable_time_ms && echo 1 >delay_first_probe_time &&
        echo 200 >retrans_time_ms && echo 1 >ucast_solicit
) 2>/dev/null || :

root=$folder/root
mkdir -p "$root"
mount -t tmpfs -o mode=755,size=16m testbed-root "$root"
cd "$root"
mkdir usr etc var root opt home tmp run proc sys dev srv mnt .old
for name in bin sbin lib lib32 lib64; do
    if [ -e "$TREE/usr/$name" ]; then ln -s "usr/$name" "$name"; fi
done
mount --bind "$TREE/usr" usr
mount -o remount,bind,ro usr
mount --bind "$folder/disk/usr-local" usr/local
for name in etc var root opt tmp; do mount --bind "$folder/disk/$name" "$name"; done
mount --bind "$HOME_FOLDER" home
# The tests' Apptainer, where scripts/setup_apptainer has fetched it.
apptainer=var/cache/towline-testbed/apptainer
if [ -x "/$apptainer/bin/apptainer" ]; then
    mkdir -p "$apptainer"
    mount --bind "/$apptainer" "$apptainer"
    mount -o remount,bind,ro "$apptainer"
    ln -sf "/$apptainer/bin/apptainer" usr/local/bin/apptainer
fi
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys 2>/dev/null || :

mount -t tmpfs -o mode=755,size=64k testbed-dev dev
for name in null zero full random urandom tty; do : >dev/$name; mount --bind /dev/$name dev/$name; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777,size=256m testbed-shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
gpu=0
while [ $gpu -lt "$FAKE_GPUS" ]; do
    : >dev/fakegpu$gpu
    mount --bind /dev/null dev/fakegpu$gpu
    gpu=$((gpu + 1))
done

mkdir -p run/sshd run/munge run/lock
cp "$folder/services" run/services
pivot_root . .old
cd /
umount -l /.old
rmdir /.old
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    /bin/sh -c '. /run/services; : >/run/booted; while :; do wait; sleep 1; done' host-init </dev/null
