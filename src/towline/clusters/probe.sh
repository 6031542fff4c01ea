# Look at a controller: one POSIX sh script, one round trip, nothing left behind.
# Set in front of it: root (Towline's folder, may start with ~), scheduler (its kind, or nothing), submit (its
# command), settings (how the names of its environment variables begin, a regular expression).
# Every line of the answer starts with @@, so that noise of the login does not matter:
#   @@name=value   one fact            @@!name=code   exit code of the command behind it (124: no answer)

fact() { printf '@@%s=%s\n' "$1" "$2"; }

lines() { # name, text: a fact for each line of the text
    [ -z "$2" ] || printf '%s\n' "$2" | sed "s/^/@@$1=/"
}

limited() { # seconds, command...: a command that hangs must not hang the probe
    limit=$1
    shift
    if command -v timeout >/dev/null 2>&1; then timeout -k 1 "$limit" "$@"; else "$@"; fi
}

about_system() {
    fact system "$(uname -s)"
    fact kernel "$(uname -r)"
    fact arch "$(uname -m)"
    fact microarch "$(microarch)"
    fact cuda "$(limited 5 nvidia-smi 2>/dev/null | sed -n 's/.*CUDA Version: *\([0-9.]*\).*/\1/p' | head -n 1)"
    fact glibc "$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/.* //')"
    fact hostname "$(uname -n)"
    fact user "$(id -un 2>/dev/null)"
    fact uid "$(id -u)"
    fact shell "${SHELL:-}"
    fact home "$(cd && pwd -P)"
}

microarch() { # the x86-64 level, by the flags that the psABI names for each
    [ "$(uname -m)" = x86_64 ] || return 0
    flags=" $(sed -n 's/^flags[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -n 1) "
    level=x86_64
    has cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 && level=x86_64_v2 &&
        has abm avx avx2 bmi1 bmi2 f16c fma movbe xsave && level=x86_64_v3 &&
        has avx512f avx512bw avx512cd avx512dq avx512vl && level=x86_64_v4
    echo "$level"
}

has() { # flags...
    for flag in "$@"; do
        case $flags in *" $flag "*) ;; *) return 1 ;; esac
    done
}

about_root() {
    case $root in "~" | "~/"*) root=$(cd && pwd -P)${root#"~"} ;; esac
    fact root "$root"
    there=$root
    while [ ! -d "$there" ] && [ "$there" != / ]; do there=$(dirname "$there"); done
    fact fs_type "$(stat -f -c %T "$there" 2>/dev/null)"
    fact free_mb "$(limited 5 df -Pk "$there" 2>/dev/null | awk 'END { if (NR > 1) print int($4 / 1024) }')"
    fact free_inodes "$(limited 5 df -Pi "$there" 2>/dev/null | awk 'END { if (NR > 1 && $2 > 0) print $4 }')"
    trial=$there/.towline-probe.$$
    if (printf '#!/bin/sh\necho ran\n' >"$trial") 2>/dev/null && grep -q ran "$trial"; then
        fact writable yes
        chmod 700 "$trial"
        if [ "$("$trial" 2>/dev/null)" = ran ]; then fact noexec no; else fact noexec yes; fi
    else
        fact writable no
    fi
    rm -f "$trial"
}

about_pythons() {
    seen=:
    for name in python3 python3.20 python3.19 python3.18 python3.17 python3.16 python3.15 python3.14 python3.13 \
        python3.12 python3.11 python3.10 python3.9 python3.8 python3.7 python3.6; do
        look_at_python "$(command -v "$name" 2>/dev/null)"
    done
    for path in /usr/bin/python3 /usr/local/bin/python3 /usr/libexec/platform-python "$HOME"/.local/bin/python3 \
        "$HOME"/miniconda3/bin/python3 "$HOME"/miniforge3/bin/python3 "$HOME"/mambaforge/bin/python3 \
        "$HOME"/anaconda3/bin/python3 /opt/conda/bin/python3 /opt/python/*/bin/python3; do
        look_at_python "$path"
    done
}

look_at_python() { # path
    [ -x "$1" ] || return 0
    real=$(readlink -f "$1" 2>/dev/null || echo "$1")
    case $seen in *":$real:"*) return 0 ;; esac
    seen=$seen$real:
    # sys.executable, as what stands on PATH may be a slow shim of pyenv
    python=$(limited 5 "$1" -S -E -c 'import sys; print("%d.%d.%d" % sys.version_info[:3], sys.executable)' 2>/dev/null) || return 0
    fact python "$python"
}

about_tools() {
    for tool in sbatch squeue scancel sacct scontrol srun sinfo qsub qstat qdel pbsnodes bsub bjobs bkill bhosts \
        qacct qconf \
        condor_submit condor_q condor_rm condor_history condor_status apptainer singularity podman conda mamba micromamba uv module \
        tar gzip zstd rsync timeout flock setsid sha256sum ip getent; do
        path=$(command -v "$tool" 2>/dev/null)
        case $path in /*) fact tool "$tool $path" ;; esac
    done
}

# Sites often add the scheduler to PATH in a profile, which a command over ssh does not read, and set variables there
# without which its commands do not know where to ask.
find_scheduler() {
    case $scheduler in slurm | condor) ! command -v "$submit" >/dev/null 2>&1 || return 0 ;; esac
    said=$(limited 5 "${SHELL:-sh}" -l -c "command -v $submit | sed 's/^/@@=/'; env | grep -E '^($settings)' | sed 's/^/@@/'" 2>/dev/null)
    printf '%s\n' "$said" | sed -n 's/^@@\([A-Za-z_][A-Za-z0-9_]*\)=\(.*\)/@@setting=\1 \2/p'
    eval "$(printf '%s\n' "$said" | sed -n "s/'/'\\\\''/g; s/^@@\([A-Za-z_][A-Za-z0-9_]*\)=\(.*\)/export \1='\2'/p")"
    command -v "$submit" >/dev/null 2>&1 && return
    for folder in /opt/slurm/bin /usr/local/slurm/bin /opt/pbs/bin /usr/local/bin /cm/shared/apps/slurm/current/bin \
        /opt/pbs/default/bin /opt/torque/bin /usr/local/torque/bin; do
        [ ! -x "$folder/$submit" ] || { PATH=$PATH:$folder && return; }
    done
    folder=$(printf '%s\n' "$said" | sed -n "s/^@@=\(\/.*\)\/$submit\$/\1/p")
    [ -z "$folder" ] || PATH=$PATH:$folder
}

about_slurm() {
    command -v sbatch >/dev/null 2>&1 || return 0
    fact slurm_version "$(limited 5 sbatch --version 2>/dev/null | sed -n 's/^[A-Za-z-]* *//p')"
    answer=$(limited 8 sinfo -e -h -o '%P|%a|%l|%s|%D|%F|%c|%m|%G' 2>&1)
    code=$?
    fact '!sinfo' $code
    lines sinfo "$answer"
    # The daemon that did not answer sinfo will not answer the next question either.
    [ $code -eq 0 ] || return 0
    lines config "$(limited 5 scontrol show config 2>/dev/null | grep -E '^(ClusterName|SlurmctldHost(\[[0-9]+\])?) ')"
    answer=$(limited 5 squeue -h -r -u "$(id -u)" -o '%i' 2>&1)
    code=$?
    fact '!squeue' $code
    if [ $code -eq 0 ]; then fact jobs "$(printf '%s' "$answer" | grep -c .)"; else lines squeue "$answer"; fi
    answer=$(limited 5 sacct -n -X -j 1 -o JobID 2>&1)
    code=$?
    fact '!sacct' $code
    [ $code -eq 0 ] || lines sacct "$(printf '%s\n' "$answer" | head -n 3)"
    answer=$(limited 8 sinfo -h -N -o '%R|%N|%o' 2>/dev/null | awk -F'|' '!seen[$1]++ && NR < 5000' | head -n 8)
    printf '%s\n' "$answer" | while IFS='|' read -r partition node address; do
        [ -z "$address" ] || look_at_route "$partition" "$node" "$address"
    done
}

look_at_route() { # partition, node, address: from which address of ours does a packet to that node leave?
    number=$(limited 3 getent ahostsv4 "$3" 2>/dev/null | sed -n '1s/ .*//p')
    [ -n "$number" ] || return 0
    from=$(ip -4 -o route get "$number" 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p')
    [ -z "$from" ] || fact route "$1 $2 $number $from"
}

about_gridengine() {
    command -v qstat >/dev/null 2>&1 || return 0
    fact gridengine_version "$(limited 5 qstat -help 2>/dev/null | sed -n '1s/^[A-Za-z/]* *//p')"
    answer=$(limited 8 qstat -f 2>&1)
    code=$?
    fact '!qstat' $code
    lines qstat "$answer"
    [ $code -eq 0 ] || return 0
    lines queue "$(limited 8 qconf -sq '*' 2>/dev/null | grep -E '^(qname|h_rt) ' | tr -s ' ')"
    for name in $(limited 5 qconf -spl 2>/dev/null | head -n 30); do
        ! limited 5 qconf -sp "$name" 2>/dev/null | grep -q '^allocation_rule .*[$]pe_slots' || fact parallel "$name"
    done
    fact jobs "$(limited 5 qstat -u "$(id -un)" 2>/dev/null | grep -c '^ *[0-9]')"
    printf '%s\n' "$answer" | awk '$1 ~ /@/ {split($1, at, "@"); if (!seen[at[1]]++) print at[1], at[2]}' | head -n 8 |
        while read -r queue node; do look_at_route "$queue" "$node" "$node"; done
}

about_condor() {
    command -v condor_q >/dev/null 2>&1 || return 0
    fact condor_version "$(limited 5 condor_version 2>/dev/null | sed -n 's/^.CondorVersion: \([^ ]*\).*/\1/p')"
    answer=$(limited 8 condor_status -constraint 'SlotType =!= "Dynamic"' \
        -af:t Machine TotalCpus TotalMemory TotalGpus State MyAddress 2>&1)
    code=$?
    fact '!condor_status' $code
    lines condor_status "$answer"
    [ $code -eq 0 ] || return 0
    answer=$(limited 8 condor_q "$(id -un)" -af ClusterId 2>&1)
    code=$?
    fact '!condor_q' $code
    if [ $code -eq 0 ]; then fact jobs "$(printf '%s' "$answer" | grep -c .)"; else lines condor_q "$answer"; fi
    limited 8 condor_status -af Machine MyAddress 2>/dev/null | awk 'NR == 1' |
        sed -n 's/^\([^ ]*\) <\([0-9.]*\):.*/\1 \2/p' |
        while read -r node address; do look_at_route pool "$node" "$address"; done
}

about_pbs() { # Torque too
    command -v qstat >/dev/null 2>&1 || return 0
    fact pbs_said "$(limited 5 qstat --version 2>&1 | grep -i version | head -n 1)"
    answer=$(limited 8 qstat -Q -f 2>&1)
    code=$?
    fact '!qstat -Q' $code
    [ $code -eq 0 ] || { lines 'qstat -Q' "$answer" && return 0; }
    lines queue "$(printf '%s\n' "$answer" | grep -E '^Queue|(enabled|started|resources_max[.](walltime|nodect)) = ')"
    fact default_queue "$(limited 5 qstat -B -f 2>/dev/null | sed -n 's/^ *default_queue = //p')"
    fact jobs "$(limited 5 qstat -u "$(id -un)" 2>/dev/null | grep -c '^[0-9]')"
    answer=$(limited 8 pbsnodes -a 2>/dev/null | grep -E '^[^[:space:]]|^[[:space:]]+(state|np|gpus|resources_available[.](ncpus|mem|ngpus)) = ' | head -n 20000)
    lines pbs_node "$answer"
    printf '%s\n' "$answer" | grep '^[^[:space:]]' | head -n 8 |
        while read -r node; do look_at_route nodes "$node" "$node"; done
}

about_lsf() {
    command -v bqueues >/dev/null 2>&1 || return 0
    fact lsf_version "$(limited 5 lsid 2>/dev/null | sed -n '1s/[^0-9]*\([0-9.]*[0-9]\).*/\1/p')"
    answer=$(limited 8 bqueues -w 2>&1)
    code=$?
    fact '!bqueues' $code
    lines bqueues "$answer"
    [ $code -eq 0 ] || return 0
    lines queue "$(limited 8 bqueues -l 2>/dev/null | awk '/^QUEUE:/ || /default queue/ { print } limit { print "RUNLIMIT" $0; limit = 0 } $1 == "RUNLIMIT" { limit = 1 }')"
    fact jobs "$(limited 5 bjobs -w 2>/dev/null | grep -c '^[0-9]')"
    answer=$(limited 8 bhosts -w 2>/dev/null | tail -n +2 | head -n 5000)
    lines bhost "$answer"
    printf '%s\n' "$answer" | head -n 8 | while read -r node rest; do
        [ -z "$node" ] || look_at_route hosts "$node" "$node"
    done
}

about_addresses() {
    fact ssh_connection "${SSH_CONNECTION:-}"
    if command -v ip >/dev/null 2>&1; then
        lines address "$(ip -4 -o addr show 2>/dev/null | sed -n 's/.* inet \([0-9.]*\).*/\1/p')"
    else
        lines address "$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -E '^[0-9.]+$')"
    fi
}

probe() {
    PATH=$PATH:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
    about_system
    about_root
    about_pythons
    [ -z "$scheduler" ] || find_scheduler
    about_tools
    case $scheduler in
        slurm) about_slurm ;;
        gridengine) about_gridengine ;;
        condor) about_condor ;;
        pbs | torque) about_pbs ;;
        lsf) about_lsf ;;
    esac
    about_addresses
    fact end ok
}

probe </dev/null
