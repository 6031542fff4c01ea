# How HTCondor is asked; set in front of it: account (may be empty).
describe_job() {
    printf '%s\n' universe=vanilla executable=/bin/sh transfer_executable=false "arguments=${mark##*/}.sh" \
        "transfer_input_files=$mark.sh" should_transfer_files=YES when_to_transfer_output=ON_EXIT \
        'transfer_output_files=""' "output=$answer" "error=$mark.err" stream_output=true "batch_name=$job_name" \
        ${account:+"accounting_group=$account"} "queue 1"
}
submit_job() {
    cat >"$mark.sh" || return 1
    described=$(describe_job | condor_submit -terse -) || return 1
    echo "${described%% *}"
}
cancel_job() {
    condor_rm "$1" >/dev/null 2>&1
}
state_of() {
    case $(timeout 5 condor_q "$1" -af JobStatus 2>/dev/null) in
        1) echo PENDING ;;
        2 | 6 | 7) echo RUNNING ;;
        5) echo FAILED ;;
    esac
}
last_state() {
    state=$(state_of "$1")
    why=$(timeout 5 condor_q "$1" -af HoldReason 2>/dev/null)
    echo "JobState=${state:-ENDED} Reason=${why:-none}"
}
