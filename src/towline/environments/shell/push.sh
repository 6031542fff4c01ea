# Take a layer from stdin and switch it in as root/name, whole or not at all.
# Set in front: root, name, need_kb, need_files, silence (seconds), take (sh text that puts stdin into
# the folder $new, the reading process's number into $new/.reader, its exit code into $new/.reader-code),
# keep (sh text run when it did not arrive whole), finish (sh text run in the new folder, as $1),
# patience (seconds for which take and finish may work without a word beyond silence; 0: none).
# Answers, each once: @@installed=, @@already=, or @@refused= with a reason:
#   mkdir MESSAGE, space FREE_KB, files FREE, tar MESSAGE, finish EXIT_CODE

umask 077
export LC_ALL=C
refuse() { echo "@@refused=$*"; exit 1; }

target=$root/$name
if [ -e "$target/.complete" ]; then echo @@already=; exit 0; fi
said=$(mkdir -p "$root" 2>&1) || refuse mkdir "$said"
find "$root" -maxdepth 1 -name '*.tmp.*' -mtime +0 -exec rm -rf {} + 2>/dev/null
# What a killed conda has left; of one that is whole there is a link.
for made in "$root"/.*.made.*; do
    place=${made##*/.}
    [ ! -d "$made" ] || [ "$(readlink "$root/${place%%.made.*}")" = "${made##*/}" ] ||
        find "$made" -maxdepth 0 -mtime +0 -exec rm -rf {} + 2>/dev/null
done

free_kb=$(df -Pk "$root" 2>/dev/null | awk 'END { if (NR > 1) print $4 }')
[ -z "$free_kb" ] || [ "$free_kb" -ge "$need_kb" ] || refuse space "$free_kb"
free_files=$(df -Pi "$root" 2>/dev/null | awk 'END { if (NR > 1 && $2 > 0) print $4 }')
[ -z "$free_files" ] || [ "$free_files" -ge "$need_files" ] || refuse files "$free_files"

new=$(mktemp -d "$target.tmp.XXXXXX" 2>&1) || refuse mkdir "$new"
ticker=
held=
trap '[ -z "$held" ] || rm -f "$held"; [ -z "$ticker" ] || kill "$ticker" 2>/dev/null; rm -rf "$new" 2>/dev/null || { chmod -R u+rwX "$new"; rm -rf "$new"; }' EXIT
trap 'exit 1' HUP INT TERM PIPE

# Of a connection that broke the daemon here may learn hours later. gzip is what waits for bytes, so
# it is what is ended when none come.
watch() {
    idle=0 last=
    while [ "$idle" -lt "$silence" ] && [ -d "$new" ]; do
        sleep 1
        reader=$(cat "$new/.reader" 2>/dev/null)
        [ -z "$reader" ] || now=$(grep rchar "/proc/$reader/io" 2>/dev/null) || return
        if [ "$now" = "$last" ]; then idle=$((idle + 1)); else idle=0 last=$now; fi
    done
    kill "$reader"
}
# Long work is no silence. Only this shell holds the session open, and it is ended with the rest.
tick() {
    passed=0
    while [ "$passed" -lt "$patience" ] && [ -d "$new" ]; do
        sleep 1 </dev/null >/dev/null 2>&1
        passed=$((passed + 1))
        [ $((passed % (silence / 4 + 1))) != 0 ] || echo @@alive= || exit
    done
}
if [ "$patience" -gt 0 ]; then
    tick &
    ticker=$!
fi
now=
# By exec: a plain redirection would keep the old streams beside, and with them the session open.
(exec </dev/null >/dev/null 2>&1; watch) &
said=$(eval "$take" 2>&1) && [ "$(cat "$new/.reader-code")" = 0 ] || {
    eval "$keep"
    refuse tar "$(echo "$said" | head -n 3 | tr '\n' ' ')"
}
rm -f "$new/.reader" "$new/.reader-code"
# The archive's end was read or tar had failed; its own last file says so once more.
[ -e "$new/lock.json" ] || refuse tar the archive broke off
# Long work one at a time: who waited finds it done. The lock is let go with this shell, at its end; in
# the folder, as other log-in nodes see it, too.
if [ "$patience" -gt 0 ] && command -v flock >/dev/null 2>&1; then
    exec 9>"$root/.$name.tmp.lock"
    ! flock -w "$patience" 9 || held=$root/.$name.tmp.lock
    if [ -e "$target/.complete" ]; then echo @@already=; exit 0; fi
fi
sh -c "$finish" finish "$new" "$target" 9>&- || refuse finish $?
: >"$new/.last_used"
: >"$new/.complete"

# A folder without .complete is what a deletion left half done.
[ -e "$target/.complete" ] || [ ! -e "$target" ] || mv "$target" "$new/.broken" 2>/dev/null
if ! mv -T "$new" "$target" 2>/dev/null; then
    # Another one won, or this mv knows no -T and would move into an existing folder.
    [ -e "$target" ] || mv "$new" "$target" 2>/dev/null
    rm -rf "$target/${new##*/}"
    [ -e "$target/.complete" ] || refuse mkdir "cannot rename $new"
fi
rm -rf "$target/.broken"
echo @@installed=
