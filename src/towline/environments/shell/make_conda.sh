# Make a conda environment that will be found at its place, as a link; its files hold the path that
# they really have. Others who make the same one wait. Set in front: tools (paths, one a line, of which the
# first that is there is used), limit (seconds to wait for others, and for conda), silent (seconds without a
# sign of life of another host's), pip (not empty: install pins.txt, too). $1 is the new folder with explicit.txt; $2 the place. Answers @@waiting= with who is at it,
# @@said= and exits with 4 on failure. Afterwards $1 is the environment's real folder.

set -u
say() { sed 's/^/@@said=/'; }
place=$2
real=${place%/*}/.${place##*/}.made.$$
held=$place.tmp.lock
waited=0 still=0 last=
until mkdir "$held" 2>/dev/null; do
    [ ! -e "$place/.complete" ] || exit 0
    holder=$(cat "$held/holder" 2>/dev/null)
    beat=$holder$(cat "$held/beat" 2>/dev/null)
    if [ "$beat" = "$last" ]; then still=$((still + 1)); else still=0 last=$beat; fi
    case $holder in
    "$(uname -n) "*) kill -0 "${holder##* }" 2>/dev/null || { rm -rf "$held"; continue; } ;;
    esac
    # On another host it is alive while its beat goes on; what other hosts see of it may be a minute old.
    [ "$still" -lt "$silent" ] || { rm -rf "$held"; still=0; continue; }
    [ "$waited" -lt "$limit" ] || { echo "$holder (host, process) has made it for $limit s and holds $held" | say; exit 4; }
    echo "@@waiting=$holder"
    sleep 1
    waited=$((waited + 1))
done
# The lock last: who waits for it begins at once.
trap '[ "$(readlink "$place")" = "${real##*/}" ] || rm -rf "$real"; rm -rf "$held"' EXIT
trap 'exit 1' HUP INT TERM PIPE
echo "$(uname -n) $$" >"$held/holder"
[ ! -e "$place/.complete" ] || exit 0
case $(readlink "$place") in .*.made.*) rm -rf "${place%/*}/$(readlink "$place")" ;; esac
rm -rf "$place" "$real"

tool=
newline='
'
IFS=$newline
set -f
for candidate in $tools; do
    if [ -x "$candidate" ]; then tool=$candidate; break; fi
done
set +f
unset IFS
[ -n "$tool" ] || { echo "there is no conda, mamba or micromamba at" $tools | say; exit 4; }
# It may work for long without a word, and silence is taken for a lost connection. What outlives this
# script must not hold its output open.
{ n=0; while sleep 5 >&2 && [ -d "$held" ]; do n=$((n + 1)); echo $n >"$held/beat" || exit; echo @@working=; done; } </dev/null 2>/dev/null &
beat=$!
trap 'kill "$beat" 2>/dev/null; [ "$(readlink "$place")" = "${real##*/}" ] || rm -rf "$real"; rm -rf "$held"' EXIT
limited=
! command -v timeout >/dev/null 2>&1 || limited="timeout -k 10 $limit"
$limited "$tool" create -y -q -p "$real" --file "$1/explicit.txt" </dev/null >"$1/.said" 2>&1 || {
    [ $? != 124 ] || echo "$tool did not end in $limit s" >>"$1/.said"
    tail -n 5 "$1/.said" | say
    exit 4
}
if [ -n "$pip" ]; then
    "$real/bin/python" -m pip install --no-deps --no-input --disable-pip-version-check \
        -r "$1/pins.txt" </dev/null >"$1/.said" 2>&1 || { tail -n 5 "$1/.said" | say; exit 4; }
fi
cp "$1/lock.json" "$1/preflight_probe.py" "$1/explicit.txt" "$real" || exit 4
set -- "$real" "$place"
