# How Grid Engine is asked; set in front of it: partition, account (may be empty).
submit_job() {
    set -- -terse -N "$job_name" -S /bin/sh -cwd -j y -o "$answer" -l h_rt="$job_seconds" -q "$partition"
    qsub "$@" ${account:+-P "$account"}
}
cancel_job() {
    qdel "$1" >/dev/null 2>&1
}
state_of() {
    timeout 5 qstat 2>/dev/null | awk -v id="$1" '$1 == id {print $5 ~ /E/ ? "FAILED" : $5 ~ /q/ ? "PENDING" : "RUNNING"}'
}
last_state() {
    state=$(state_of "$1")
    why=$(timeout 5 qstat -j "$1" 2>/dev/null | sed -n 's/^error reason.*[0-9]: *//p' | head -n 1)
    echo "JobState=${state:-ENDED} Reason=${why:-none}"
}
