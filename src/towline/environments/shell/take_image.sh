# Append stdin to an image, and see whether it is whole. See push.sh. Set in front: part (what was there
# before; may be empty), size (bytes), sha256, lock (text).
[ -z "$part" ] || mv "$part" "$new/image.sif"
sh -c 'echo $$ >"$0"; exec cat' "$new/.reader" >>"$new/image.sif"
echo $? >"$new/.reader-code"
has=$(wc -c <"$new/image.sif" | tr -d ' ')
if [ "$has" -lt "$size" ]; then
    echo "the image broke off after $has of $size bytes"
    echo 1 >"$new/.reader-code"
elif [ "$(sha256sum "$new/image.sif" 2>/dev/null | sed 's/ .*//')" != "$sha256" ] && command -v sha256sum >/dev/null; then
    rm -f "$new/image.sif"
    echo "the image arrived damaged"
    echo 1 >"$new/.reader-code"
fi
printf '%s\n' "$lock" >"$new/lock.json"
