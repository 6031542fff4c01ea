# Give an environment of ours the name that the user knows it by: a symbolic link among conda's.
# Set in front: link, prefix, root (folder of environments).
# Answers: @@named=, @@no-folder= (conda has none there), @@theirs= (something of the user's own), or
# @@failed= with the system's words.

[ -d "${link%/*}" ] || { echo "@@no-folder=${link%/*}"; exit 0; }
there=$(readlink "$link" 2>/dev/null)
case $there in
"$prefix") echo @@named=; exit 0 ;;
"$root"/conda-*) ;;
*) [ ! -e "$link" ] && [ ! -L "$link" ] || { echo "@@theirs=$link"; exit 0; } ;;
esac
new=$link.tmp.$$
if said=$(ln -s "$prefix" "$new" 2>&1 && mv -f -T "$new" "$link" 2>&1); then
    echo @@named=
else
    rm -f "$new"
    echo "@@failed=$link: $(echo "$said" | head -n 1)"
fi
