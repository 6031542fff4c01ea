# Keep what has arrived of an image for the next push; on a full disk nothing is kept. See push.sh.
case $said in
*[Nn]'o space'* | *[Qq]uota*) ;;
*) [ ! -s "$new/image.sif" ] || mv -f "$new/image.sif" "$target.tmp.part" ;;
esac
