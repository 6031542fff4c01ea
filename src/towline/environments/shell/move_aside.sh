# Move an environment and its layers away, unless a run uses one of them.
# Set in front: root, names (the environment's first), runs (folder of run folders), force (yes or
# empty). Answers: @@in-use=TAG, @@moved=NAME, @@stuck=MESSAGE; at last @@end=ok

cd "$root" 2>/dev/null || { echo @@end=ok; exit 0; }
if [ -z "$force" ]; then
    used=
    for users in */.used-by; do
        holder=${users%/.used-by}
        stands=
        for name in $names; do
            case " $holder $(cat "$holder/.needs" 2>/dev/null) " in *" $name "*) stands=yes ;; esac
        done
        [ -n "$stands" ] || continue
        for tag in "$users"/*; do
            [ -e "$tag" ] || continue
            if [ -d "$runs/${tag##*/}" ] || [ -n "$(find "$tag" -mtime -1 2>/dev/null)" ]; then
                echo "@@in-use=${tag##*/}"
                used=yes
            fi
        done
    done
    [ -z "$used" ] || exit 0
fi
for name in $names; do
    [ -e "$name" ] || continue
    aside=$name.tmp.rebuilt.$$
    said=$(mv "$name" "$aside" 2>&1) || { echo "@@stuck=$said"; exit 0; }
    # Of what the cluster's own conda has made this is a link.
    case $(readlink "$aside") in .*.made.*) rm -rf "$(readlink "$aside")" ;; esac
    # An unpacked image may hold folders that nobody may write to.
    rm -rf "$aside" 2>/dev/null || { chmod -R u+rwX "$aside" && rm -rf "$aside"; } 2>/dev/null
    echo "@@moved=$name"
done
echo @@end=ok
