# Make a conda environment at its later place, as its files will hold that path. Others who make the
# same one wait. Set in front: tools (paths, one a line, of which the first that is there is used),
# limit (seconds to wait for others, and for conda), pip (not empty: install pins.txt, too).
# $1 is the new folder with explicit.txt; $2 the place. Answers @@said= and exits with 4 on failure.

set -u
say() { sed 's/^/@@said=/'; }
place=$2
held=$place.tmp.lock
waited=0
until mkdir "$held" 2>/dev/null; do
    [ ! -e "$place/.complete" ] || exit 0
    holder=$(cat "$held/holder" 2>/dev/null)
    case $holder in
    "$(uname -n) "*) kill -0 "${holder##* }" 2>/dev/null || { rm -rf "$held"; continue; } ;;
    esac
    [ "$waited" -lt "$limit" ] || { echo "$held is held by $holder" | say; exit 4; }
    echo @@waiting=
    sleep 1
    waited=$((waited + 1))
done
# The lock last: who waits for it begins at once, in the same place.
trap '[ -e "$place/.complete" ] || rm -rf "$place"; rm -rf "$held"' EXIT
trap 'exit 1' HUP INT TERM PIPE
echo "$(uname -n) $$" >"$held/holder"
[ ! -e "$place/.complete" ] || exit 0
rm -rf "$place"

tool=
for candidate in $tools; do
    if [ -x "$candidate" ]; then tool=$candidate; break; fi
done
[ -n "$tool" ] || { echo "there is no conda, mamba or micromamba at" $tools | say; exit 4; }
# It may work for long without a word, and silence is taken for a lost connection. What outlives this
# script must not hold its output open.
{ while sleep 10 >&2 && [ -d "$held" ]; do echo @@working=; done; } </dev/null 2>/dev/null &
beat=$!
trap 'kill "$beat" 2>/dev/null; [ -e "$place/.complete" ] || rm -rf "$place"; rm -rf "$held"' EXIT
limited=
! command -v timeout >/dev/null 2>&1 || limited="timeout -k 10 $limit"
$limited "$tool" create -y -q -p "$place" --file "$1/explicit.txt" </dev/null >"$1/.said" 2>&1 || {
    [ $? != 124 ] || echo "$tool did not end in $limit s" >>"$1/.said"
    tail -n 5 "$1/.said" | say
    exit 4
}
if [ -n "$pip" ]; then
    "$place/bin/python" -m pip install --no-deps --no-input --disable-pip-version-check \
        -r "$1/pins.txt" </dev/null >"$1/.said" 2>&1 || { tail -n 5 "$1/.said" | say; exit 4; }
fi
cp "$1/lock.json" "$1/preflight_probe.py" "$1/explicit.txt" "$place" || exit 4
set -- "$place" "$place"
