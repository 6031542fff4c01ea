# Show an environment that make_conda.sh has made at its place, now that it is whole. $1 is its real
# folder, $2 the place.
: >"$1/.last_used"
: >"$1/.complete"
ln -s "${1##*/}" "$2" || { echo "@@said=the link $2 cannot be made"; exit 4; }
