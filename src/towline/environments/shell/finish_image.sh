# Make a received image usable. Runs after find_runtime.sh. Set in front: source (what it is built or
# pulled from; empty: it has arrived), asked (as the user calls that), limit (seconds of a build).
# $1 is the new folder, $2 its later name.

cd "$1" || exit 1
later=$2
words() { grep -v '^INFO' .log | tail -n 4 | tr '\n' ' '; }

if [ -n "$source" ]; then
    limited=
    ! command -v timeout >/dev/null 2>&1 || limited="timeout -k 10 $limit"
    $limited "$program" build image.sif "$source" >.log 2>&1 </dev/null || {
        [ $? != 124 ] || echo "it did not end in $((limit / 60)) minutes" >>.log
        why "${program##*/} could not make the image from $asked: $(words)" "build it where you can, and give the file as container_image"
    }
    rm -rf files
fi

# Without FUSE each start would unpack all of it anew, or fail. Where it is plain that there is none,
# trying costs as much as unpacking.
code=0
if { [ ! -r /dev/fuse ] || [ ! -w /dev/fuse ]; } && "$program" buildcfg 2>/dev/null | grep -q 'SUID_INSTALL=0'; then
    echo temporary sandbox >.log
else
    "$program" exec --cleanenv image.sif /bin/sh -c : >.log 2>&1
    code=$?
fi
if grep -q 'temporary sandbox' .log || { [ $code != 0 ] && grep -qi 'fuse' .log; }; then
    "$program" build --sandbox sandbox image.sif >.log 2>&1 ||
        why "the image cannot be mounted there, and ${program##*/} could not unpack it: $(words)" "ask the site for FUSE, or free some space"
    rm -f image.sif
    echo "@@note=no FUSE for users there: the image is unpacked once, to ${later##*/}/sandbox ($(du -sm sandbox 2>/dev/null | sed 's/[^0-9].*//') MiB)"
elif [ $code != 0 ] && ! grep -q '/bin/sh' .log; then
    why "${program##*/} cannot start the image: $(words)" "try it there: ${program##*/} exec IMAGE true"
fi
rm -f .log
