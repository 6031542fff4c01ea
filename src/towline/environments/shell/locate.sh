# Which Python do the activation lines bring? Runs after them, in the shell of a job.
# Set in front: wanted (a path, or names to look for in turn).
# Answers: @@executable=PATH

case $wanted in /*) set -- "$wanted" ;; *) set -- $wanted ;; esac
for name in "$@"; do
    found=$(command -v "$name" 2>/dev/null) && [ -x "$found" ] || continue
    echo "@@executable=$found"
    break
done
echo @@end=ok
