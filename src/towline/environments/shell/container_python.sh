# The Python of a container image, as workers start it. Made by Towline; not to be edited.
# Set in front: runtime (auto, a name, a path), image, gpu (an option or empty), binds and options
# (quoted words), packages (folder on the cluster), minor.
fail() {
    echo "towline: $(uname -n): $*" >&2
    exit 97
}
here=$(readlink -f -- "$0" 2>/dev/null || echo "$0")
here=${here%/bin/*}
if [ "$runtime" = auto ]; then
    program=$(command -v apptainer || command -v singularity) || fail "there is neither apptainer nor singularity"
else
    program=$(command -v "$runtime") || fail "there is no $runtime"
fi
[ -e "$image" ] || [ ! -d "${image%/*}/sandbox" ] || image=${image%/*}/sandbox
[ -e "$image" ] || fail "the image $image is not there"

# --cleanenv drops all variables; under this name before theirs they come through.
case ${program##*/} in *apptainer*) through=APPTAINERENV_ ;; *) through=SINGULARITYENV_ ;; esac
for name in $(awk 'BEGIN { for (name in ENVIRON) if (name ~ /^((SLURM|PBS|LSB|SGE|OMP|PARSL|TOWLINE)_[A-Za-z0-9_]*|(CUDA|NVIDIA|ROCR|HIP)_VISIBLE_DEVICES|TMPDIR|SCRATCH|TZ)$/) print name }'); do
    eval "export $through$name=\"\$$name\""
done
own=$here/lib/python$minor/site-packages
export "${through}PYTHONNOUSERSITE=1" "${through}PYTHONPATH=/opt/towline/own:/opt/towline/packages"

set -- "$image" "$(cat "$here/image-python")" "$@"
eval "set -- $options \"\$@\""
eval "for bind in $binds; do
    [ -e \"\${bind%%:*}\" ] || fail \"\${bind%%:*}, which container_binds names, is not there\"
    set -- --bind \"\$bind\" \"\$@\"
done"
if [ -n "${TOWLINE_LOGS:-}" ]; then # in a block: its run's folder, and where its apps work
    case $PWD$TOWLINE_LOGS in *[:,]*) fail "a folder with : or , in its name cannot be seen in a container: $PWD" ;; esac
    [ "$PWD" = / ] || set -- --bind "$PWD" "$@"
    set -- --bind "${TOWLINE_LOGS%/logs/*}" --pwd "$PWD" "$@"
fi
for folder in "${SCRATCH:-}" "${TMPDIR:-}"; do
    case $folder in *[:,]* | / | /tmp | /tmp/ | "") ;; *) [ ! -d "$folder" ] || set -- --bind "$folder" "$@" ;; esac
done
[ ! -d "$own" ] || set -- --bind "$own:/opt/towline/own:ro" "$@"
exec "$program" -q exec --cleanenv $gpu --bind "$packages:/opt/towline/packages:ro" "$@"
