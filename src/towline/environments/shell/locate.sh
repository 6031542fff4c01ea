# Which Python do the activation lines bring? Runs after them, in the shell of a job.
# Set in front: wanted (quoted words: paths, or names on PATH, to look for in turn).
# Answers: @@executable=PATH

eval "set -- $wanted"
for name in "$@"; do
    found=$(command -v "$name" 2>/dev/null) && [ -x "$found" ] || continue
    echo "@@executable=$found"
    break
done
echo @@end=ok
