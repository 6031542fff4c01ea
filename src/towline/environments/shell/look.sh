# Which of our folders are on the cluster? One round trip; the answer of every cached start.
# Set in front: root, names (of layers, the last one the environment's), check, tag (may be empty).
# Answers: @@there=NAME for each; for the environment @@stamp= of its interpreter now, @@checked=
# (the stamp it was tried with, and what its Python said then).

stamp_of() { stat -L -c '%s.%Y.%i' "$1" 2>/dev/null || ls -lLid "$1" 2>/dev/null; }

for name in $names; do
    [ -e "$root/$name/.complete" ] || continue
    echo "@@there=$name"
    touch "$root/$name/.last_used" 2>/dev/null
done
here=$root/$name
if [ -e "$here/.complete" ]; then
    echo "@@stamp=$(stamp_of "$here/bin/python")"
    [ ! -r "$here/.checked/$check" ] || sed 's/^/@@checked=/' "$here/.checked/$check"
    [ -z "$tag" ] || { mkdir -p "$here/.used-by" && : >"$here/.used-by/$tag"; } 2>/dev/null
fi
echo @@end=ok
