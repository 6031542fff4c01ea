# Try an unpacked conda environment. $1 is the new folder, $2 its later name.
# Set in front: check (name of the check to remember; empty: remember none).
# Exit 4: its Python does not start, or Parsl's worker on it does not.

set -u
new=$1
later=${2##*/}
mkdir -p "$new/.checked" || exit 1
cd "$new" || exit 1
unset PYTHONPATH PYTHONHOME
PYTHONNOUSERSITE=1 "$new/bin/python" "$new/preflight_probe.py" >"$new/.answer" 2>&1 || {
    tail -n 5 "$new/.answer" | sed 's/^/@@said=/'
    exit 4
}
sed "s|${new##*/}|$later|g" .answer >.answer.later && mv .answer.later .answer || exit 1
case $(cat .answer) in
*'"worker_error"'*)
    sed -n 's/.*"worker_error": "\([^"]*\)".*/@@said=\1/p' .answer
    exit 4
    ;;
esac
# Scripts of its packages are only run by the pre-flight.
for script in etc/conda/activate.d/*.sh; do [ ! -e "$script" ] || check=; done
stamp=$(stat -L -c '%s.%Y.%i' bin/python 2>/dev/null || ls -lLid bin/python)
[ -z "$check" ] || { echo "$stamp"; sed -n 's/^@@python=//p' .answer; } >".checked/$check" || exit 1
[ -z "$check" ] || grep '^@@python=' .answer
rm -f .answer
