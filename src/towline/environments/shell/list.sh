# What is in the folder of environments? Set in front: root, runs (folder of run folders), sizes (yes/no).
# Answers, for each folder: @@folder=NAME|LAST_USED|KB|NEEDED LAYERS|TAG,TAG|KIND|REQUEST (fields may
# be empty).
# A tag counts while its run's folder is there, or when it is younger than a day.

of_lock() { sed -n "s/^ *\"$1\": \"\([^\"|]*\)\".*/\1/p" "$name/lock.json" 2>/dev/null | head -n 1; }

cd "$root" 2>/dev/null || { echo @@end=ok; exit 0; }
for name in *; do
    case $name in *.tmp.*) continue ;; esac
    [ -e "$name/.complete" ] || continue
    used=$(stat -c %Y "$name/.last_used" 2>/dev/null)
    kb=
    [ "$sizes" = no ] || kb=$(du -sk "$name/." 2>/dev/null | sed 's/[^0-9].*//')
    tags=
    for tag in "$name"/.used-by/*; do
        [ -e "$tag" ] || continue
        if [ -d "$runs/${tag##*/}" ] || [ -n "$(find "$tag" -mtime -1 2>/dev/null)" ]; then
            tags=$tags${tags:+,}${tag##*/}
        fi
    done
    echo "@@folder=$name|$used|$kb|$(cat "$name/.needs" 2>/dev/null)|$tags|$(of_lock kind)|$(of_lock request)"
done
echo @@end=ok
