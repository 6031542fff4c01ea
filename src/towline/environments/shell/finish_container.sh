# Find the image's Python and try Parsl's worker on it. Runs after find_runtime.sh. Set in front: minor,
# candidates and sources (quoted words: names of Python; folders to bind), needs (names of layers),
# check (name of the check to remember; empty: none). $1 is the new folder.

new=$1
mkdir -p "$new/.checked" || exit 1
echo "$needs" >"$new/.needs" || exit 1
eval "set -- $sources"
for folder in "$@"; do
    [ -e "$folder" ] || why "container_binds: $folder is not on the controller" "make it there, or leave it out"
done
answered=
eval "set -- $candidates"
for name in "$@"; do
    echo "$name" >"$new/image-python" || exit 1
    is=$("$new/bin/python" -I -S -c 'import sys; print("@@is=%d.%d" % sys.version_info[:2])' 2>"$new/.said" </dev/null | sed -n 's/^@@is=//p')
    [ -n "$is" ] || continue
    [ -n "$answered" ] || answered=$name
    [ "$is" != "$minor" ] || { answered=$name; break; }
done
if [ -z "$answered" ]; then
    words=$(tail -n 2 "$new/.said" | sed 's/^FATAL: *//' | tr '\n' ' ')
    case $words in
    *'not found'* | *'no such file'*)
        why "the image has no Python ($*): $words" "install Python $minor in it, or name it with python: /path/in/the/image" ;;
    esac
    why "no Python starts in the image: $words" "try it there: ${program##*/} exec IMAGE python3 --version"
fi
echo "$answered" >"$new/image-python"
"$new/bin/python" - <"$new/preflight_probe.py" >"$new/.answer" 2>"$new/.said" || {
    tail -n 5 "$new/.said" | sed 's/^/@@said=/'
    exit 4
}
[ -z "$check" ] || {
    stat -L -c '%s.%Y.%i' "$new/bin/python" 2>/dev/null || ls -lLid "$new/bin/python"
    sed -n 's/^@@python=//p' "$new/.answer"
} >"$new/.checked/$check"
grep '^@@python=' "$new/.answer"
rm -f "$new/.answer" "$new/.said"
