# What does an environment really have? Set in front: python, complete (file that says it is whole),
# folders (quoted words: of its layers), probe (Python text). Answers as the probe does, or
# @@absent=, or @@said= with the words of a Python that does not start.

[ -e "$complete" ] || { echo @@absent=; exit 0; }
eval "set -- $folders"
unset PYTHONPATH PYTHONHOME
cd / || exit 1
answer=$(printf '%s\n' "$probe" | PYTHONNOUSERSITE=1 "$python" - "$@" 2>&1)
case $answer in
*@@end=ok*) printf '%s\n' "$answer" ;;
*) printf '%s\n' "$answer" | tail -n 3 | sed 's/^/@@said=/' ;;
esac
