# On the controller: run a job on one node, wait for what it writes, leave nothing behind.
# Set in front of it: folder (Towline's), mark (a new file in it), token, job_name, job (its script), queue_seconds,
# job_seconds; and how the scheduler is asked: submit_job, cancel_job, state_of, last_state.
answer=$mark.out
id=
tidy() {
    [ -z "$id" ] || cancel_job "$id"
    rm -f "$mark" "$answer" "$mark.sh" "$mark.err"
}
trap tidy EXIT
trap 'exit 1' HUP INT TERM
umask 077
mkdir -p "$folder" && printf '%s' "$token" >"$mark" && cd "$folder" || exit 1

id=$(printf '%s\n' "$job" | submit_job) || exit 1
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
    case $(state_of "$id") in
        PENDING*) ;;
        "" | FAILED*) # ended, or the scheduler is silent: give the output time to arrive, unless the job could not start
            gone=$((gone + 1))
            case $gone$(last_state "$id") in [3-9]*JobState=FAILED*) break ;; esac
            ;;
        *) [ "$limit" != "$queue_seconds" ] || limit=$((waited + job_seconds)) ;;
    esac
    [ $gone -lt 10 ] && [ $waited -lt "$limit" ] || break
done
[ ! -r "$answer" ] || cat "$answer"
echo "@@state=$(last_state "$id")"
