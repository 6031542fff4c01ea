# How Slurm is asked; set in front of it: partition, account (may be empty).
submit_job() {
    set -- --parsable --job-name="$job_name" --nodes=1 --ntasks=1 --time=1 --output="$answer" --partition="$partition"
    sbatch "$@" ${account:+--account="$account"}
}
cancel_job() {
    scancel "$1" 2>/dev/null
}
state_of() {
    timeout 5 squeue -h -j "$1" -o '%T %r' 2>/dev/null
}
last_state() {
    timeout 5 scontrol show job -o "$1" 2>/dev/null | sed -n 's/.* \(JobState=[^ ]*\) \(Reason=[^ ]*\).*/\1 \2/p'
}
