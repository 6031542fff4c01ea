# On the controller: run a job on one node, wait for what it writes, leave nothing behind.
# Set in front of it: folder (Towline's), mark (a new file in it), token, job_name,
# job (its script), queue_seconds, job_seconds, submit (a function: sbatch with its options).
answer=$mark.out
id=
tidy() {
    [ -z "$id" ] || scancel "$id" 2>/dev/null
    rm -f "$mark" "$answer"
}
job_state() {
    timeout 5 scontrol show job -o "$id" 2>/dev/null | sed -n 's/.* \(JobState=[^ ]*\) \(Reason=[^ ]*\).*/\1 \2/p'
}
trap tidy EXIT
trap 'exit 1' HUP INT TERM
umask 077
mkdir -p "$folder" && printf '%s' "$token" >"$mark" && cd "$folder" || exit 1

id=$(printf '%s\n' "$job" | submit --parsable --job-name="$job_name" --nodes=1 --ntasks=1 --time=1 --output="$answer") || exit 1
id=${id%%;*}

for _ in 1 2 3 4 5; do # most jobs are quick: no need to ask squeue at once
    grep -q '^@@end' "$answer" 2>/dev/null || sleep 0.2 2>/dev/null || sleep 1
done
waited=0
gone=0
limit=$queue_seconds
while ! grep -q '^@@end' "$answer" 2>/dev/null; do
    sleep 1
    waited=$((waited + 1))
    state=$(timeout 5 squeue -h -j "$id" -o '%T %r' 2>/dev/null)
    case $state in
        PENDING*) ;;
        "") # ended, or squeue is silent: give the output time to arrive, unless the job could not start
            gone=$((gone + 1))
            case $gone$(job_state) in [3-9]*JobState=FAILED*) break ;; esac
            ;;
        *) [ "$limit" != "$queue_seconds" ] || limit=$((waited + job_seconds)) ;;
    esac
    [ $gone -lt 10 ] && [ $waited -lt "$limit" ] || break
done
[ ! -r "$answer" ] || cat "$answer"
echo "@@state=$(job_state)"
