# Delete one environment or layer, unless somebody has begun to use it since it was listed.
# Set in front: root, name, runs, last_used (as listed). Answers: @@deleted= or @@in-use=TAG

target=$root/$name
for tag in "$target"/.used-by/*; do
    [ -e "$tag" ] || continue
    if [ -d "$runs/${tag##*/}" ] || [ -n "$(find "$tag" -mtime -1 2>/dev/null)" ]; then
        echo "@@in-use=${tag##*/}"
        exit 0
    fi
done
now=$(stat -c %Y "$target/.last_used" 2>/dev/null)
if [ "${now:-0}" != "$last_used" ]; then
    echo @@in-use=
    exit 0
fi
# Moved aside first: nobody ever sees a half-deleted folder that says it is complete.
aside=$target.tmp.deleted.$$
mv "$target" "$aside" || exit 1
# Of what the cluster's own conda has made this is a link.
case $(readlink "$aside") in .*.made.*) rm -rf "$root/$(readlink "$aside")" ;; esac
# An unpacked image may hold folders that nobody may write to.
rm -rf "$aside" 2>/dev/null || { chmod -R u+rwX "$aside" && rm -rf "$aside"; }
[ -e "$aside" ] || echo @@deleted=
