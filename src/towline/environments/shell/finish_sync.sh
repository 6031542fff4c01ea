# Make an unpacked copy of packages an environment on the interpreter of this machine.
# Set in front: interpreter, minor, pth (line that makes the packages known), needs (names of
# layers), modules (quoted words: compiled modules to try to load), check (name of the check to remember;
# empty: remember none). $1 is the new folder, $2 its later name.
# Exit 3: the interpreter is of another minor; 4: it does not start, or the worker on it does not.

set -u
new=$1
later=${2##*/}
real=$("$interpreter" -I -S -c 'import os, sys; print("@@%d.%d=%s" % (sys.version_info[0], sys.version_info[1], os.path.realpath(sys.executable)))' 2>"$new/.said" | sed -n 's/^@@//p')
case $real in
"$minor="/*) real=${real#*=} ;;
*=*) echo "@@found=${real%%=*}"; exit 3 ;;
*) sed 's/^/@@said=/' "$new/.said"; exit 4 ;;
esac
rm -f "$new/.said"
site=$new/lib/python$minor/site-packages
mkdir -p "$new/bin" "$new/.checked" "$site" || exit 1
echo "$needs" >"$new/.needs" || exit 1
printf '%s\n' "$pth" >"$site/towline.pth" || exit 1
ln -s "$real" "$new/bin/python" || exit 1
ln -s python "$new/bin/python3" || exit 1
ln -s python "$new/bin/python$minor" || exit 1
cat >"$new/pyvenv.cfg" <<END || exit 1
home = ${real%/*}
include-system-site-packages = false
version = $minor
END

# Compiled modules that no wheel's tags vouch for are loaded, to see whether their libraries are there.
eval "set -- $modules"
cd "$new" || exit 1
unset PYTHONPATH PYTHONHOME
PYTHONNOUSERSITE=1 "$new/bin/python" "$new/preflight_probe.py" "$@" >"$new/.answer" 2>&1 || {
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
stamp=$(stat -L -c '%s.%Y.%i' bin/python 2>/dev/null || ls -lLid bin/python)
[ -z "$check" ] || { echo "$stamp"; sed -n 's/^@@python=//p' .answer; } >".checked/$check" || exit 1
grep '^@@python=' .answer
rm -f .answer
