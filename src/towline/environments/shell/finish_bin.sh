# Bring the commands of the packages into a new environment. Runs after finish_sync, which set new.
# Set in front: packages (their folder).
"$new/bin/python" -I -S "$new/bin_folder.py" "$packages" "$new" 2>"$new/.said" || {
    tail -n 3 "$new/.said" | sed 's/^/@@said=/'
    exit 4
}
rm -f "$new/.said"
