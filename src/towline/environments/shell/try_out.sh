# Start the environment's Python as a worker would, and let it say what it is.
# Runs after the activation lines. Set in front: python, probe (Python text), prefix (of an
# environment of ours, to remember the answer in; else empty), check (name of the answer there).

cd / || exit 1
answer=$(printf '%s\n' "$probe" | "$python" - 2>&1)
worker=$(printf '%s\n' "$answer" | sed -n 's/^.*@@python=//p')
if [ -z "$worker" ]; then
    printf '%s\n' "$answer" | tail -n 5 | sed 's/^/@@said=/'
    exit 4
fi
if [ -n "$prefix" ]; then
    {
        stat -L -c '%s.%Y.%i' "$prefix/bin/python" 2>/dev/null || ls -lLid "$prefix/bin/python"
        printf '%s\n' "$worker"
    } >"$prefix/.checked/$check.$$" 2>/dev/null && mv "$prefix/.checked/$check.$$" "$prefix/.checked/$check"
fi
printf '@@python=%s\n' "$worker"
