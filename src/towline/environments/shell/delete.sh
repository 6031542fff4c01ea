# Delete one environment, unless a run has begun to use it. Set in front: root, name, runs.
# Answers: @@deleted= or @@in-use=TAG

target=$root/$name
for tag in "$target"/.used-by/*; do
    [ -e "$tag" ] || continue
    if [ -d "$runs/${tag##*/}" ] || [ -n "$(find "$tag" -mtime -1 2>/dev/null)" ]; then
        echo "@@in-use=${tag##*/}"
        exit 0
    fi
done
# Moved aside first: nobody ever sees a half-deleted folder that says it is complete.
aside=$target.tmp.deleted.$$
mv "$target" "$aside" && rm -rf "$aside" && echo @@deleted=
