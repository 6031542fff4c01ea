# Look at a cluster in use: one POSIX sh script, one round trip, nothing made, nothing left.
# Set in front of it: root (Towline's folder, may start with ~), scheduler (its kind, or nothing), folder (of its
# commands, or nothing), and the scheduler's own variables, exported. Answers like probe.sh: @@name=value, @@!name=code.

fact() { printf '@@%s=%s\n' "$1" "$2"; }

lines() { # name, text: a fact for each line of the text
    [ -z "$2" ] || printf '%s\n' "$2" | sed "s/^/@@$1=/"
}

limited() { # seconds, command...: a command that hangs must not hang the look
    limit=$1
    shift
    if command -v timeout >/dev/null 2>&1; then timeout -k 1 "$limit" "$@"; else "$@"; fi
}

asked() { # name, limit, lines at most, command...: its answer, and its exit code
    name=$1 limit=$2 most=$3
    shift 3
    answer=$(limited "$limit" "$@" 2>&1)
    code=$?
    fact "!$name" $code
    lines "$name" "$(printf '%s\n' "$answer" | head -n "$most")"
    return $code
}

me=$(id -un 2>/dev/null)

about_slurm() {
    asked sinfo 8 2000 sinfo -e -h -o '%P|%a|%l|%s|%D|%F|%c|%m|%G|%T' || return 0
    asked nodes 8 200 sinfo -h -o '%D|%T'
    answer=$(limited 8 squeue -h -o '%u|%i|%P|%T|%D|%r|%j' 2>&1)
    code=$?
    fact '!squeue' $code
    # A big site has more jobs than anybody wants to carry over: those of others are only counted.
    [ $code -ne 0 ] || answer=$(printf '%s\n' "$answer" | awk -F'|' -v me="$me" '
        NF > 4 { count[$4]++ }
        $1 == me && shown++ < 200
        END { for (state in count) print "+|" state "|" count[state] }')
    lines squeue "$answer"
}

about_pbs() { # Torque too
    asked queues 8 4000 qstat -Q -f || return 0
    fact default_queue "$(limited 5 qstat -B -f 2>/dev/null | sed -n 's/^ *default_queue = //p')"
    asked nodes 8 20000 pbsnodes -a
    asked jobs 8 2000 qstat -w -u "$me" || asked jobs 8 2000 qstat -u "$me"
}

about_lsf() {
    asked queues 8 2000 bqueues -w || return 0
    lines details "$(limited 8 bqueues -l 2>/dev/null | awk '/^QUEUE:/ || /default queue/ { print } limit { print "RUNLIMIT" $0; limit = 0 } $1 == "RUNLIMIT" { limit = 1 }')"
    asked nodes 8 5000 bhosts -w
    asked jobs 8 2000 bjobs -noheader -o 'jobid stat queue nexec_host job_name delimiter="|"'
}

about_gridengine() {
    asked queues 8 20000 qstat -f || return 0
    lines details "$(limited 8 qconf -sq '*' 2>/dev/null | grep -E '^(qname|h_rt) ' | tr -s ' ')"
    asked jobs 8 4000 qstat -r -u "$me"
}

about_condor() {
    asked nodes 8 20000 condor_status -constraint 'SlotType =!= "Dynamic"' \
        -af:t Machine TotalCpus TotalMemory TotalGpus State || return 0
    asked jobs 8 2000 condor_q "$me" -af:t ClusterId ProcId JobStatus JobBatchName
}

about_disk() {
    case $root in "~" | "~/"*) root=$(cd && pwd -P)${root#"~"} ;; esac
    there=$root
    while [ ! -d "$there" ] && [ "$there" != / ]; do there=$(dirname "$there"); done
    fact root "$root"
    fact disk "$(limited 5 df -Pk "$there" 2>/dev/null | awk 'END { if (NR > 1) print int($4 / 1024), int($2 / 1024) }')"
    ! command -v quota >/dev/null 2>&1 || lines quota "$(limited 5 quota -w -p 2>/dev/null | head -n 40)"
}

look() {
    PATH=$PATH:/usr/local/bin:/usr/bin:/bin${folder:+:$folder}
    fact cpus "$(getconf _NPROCESSORS_ONLN 2>/dev/null)"
    about_disk
    case $scheduler in
        slurm) about_slurm ;;
        pbs | torque) about_pbs ;;
        lsf) about_lsf ;;
        gridengine) about_gridengine ;;
        condor) about_condor ;;
    esac
    fact connection "${SSH_CONNECTION:-}"
    fact end ok
}

look </dev/null
