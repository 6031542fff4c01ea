# Take over what an earlier, broken push of an image has left. Runs after find_runtime.sh. Set in front:
# root, name. Answers: @@part=PATH and @@have=BYTES, or @@part=.

target=$root/$name
mkdir -p "$root" 2>/dev/null
find "$root" -maxdepth 1 -name '*.tmp.*' -mtime +0 -exec rm -rf {} + 2>/dev/null
mine=$target.tmp.$$.$(date +%s)
if mv "$target.tmp.part" "$mine" 2>/dev/null; then
    touch "$mine"
    printf '@@part=%s\n@@have=%s\n' "$mine" "$(wc -c <"$mine" | tr -d ' ')"
else
    echo @@part=
fi
