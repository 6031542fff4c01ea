# Install locked wheels into a new layer, on the cluster itself. Runs in the unpacked folder.
# Set in front: uv, interpreter, minor, way (proxy or direct). $1 is the new folder, $2 its later name.
# Exit 4: not installed; @@said= says why.

new=$1
site=$new/lib/python$minor/site-packages
export UV_NO_CONFIG=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 NO_COLOR=1
unset PYTHONPATH PYTHONHOME
[ ! -e "$new/ca.pem" ] || export SSL_CERT_FILE="$new/ca.pem"
# Not in the home: caches want a local disk.
find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'towline-uv.*' -user "$(id -u)" -mtime +0 -exec rm -rf {} + 2>/dev/null
UV_CACHE_DIR=$(mktemp -d "${TMPDIR:-/tmp}/towline-uv.XXXXXX") || exit 4
export UV_CACHE_DIR
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$UV_CACHE_DIR"' EXIT
trap 'exit 4' HUP INT TERM PIPE
install() {
    "$uv" pip install --quiet --no-deps --only-binary :all: --python "$interpreter" --target "$1" -r "$2" \
        </dev/null >"$new/.said" 2>&1 &
    pid=$!
    beat=0
    while kill -0 "$pid" 2>/dev/null; do
        [ $((beat % 50)) -ne 0 ] || echo @@working=
        beat=$((beat + 1))
        sleep 0.1
    done
    wait "$pid" && pid= && return
    pid=
    [ -z "$3" ] || echo "@@said=$3"
    grep -v '^warning' "$new/.said" | sed 's/^ *cause: //; s/^/@@said=/' | tail -n 6
    exit 4
}
# The smallest wheel first, and without patience: where there is no way, that is soon known.
(
    export UV_HTTP_RETRIES=0 UV_HTTP_TIMEOUT=10 UV_HTTP_CONNECT_TIMEOUT=10
    install "$new/.first" "$new/pylock.first.toml" "no package can be fetched from there ($way)"
) || exit 4
rm -rf "$new/.first" "$new/pylock.first.toml"
install "$site" "$new/pylock.towline.toml" ""
[ ! -d "$site/bin" ] || mv "$site/bin" "$new/bin" || exit 4
find "$site" -name direct_url.json -exec rm -f {} +
"$interpreter" -m compileall -q -s "$new" -p "$2" "$site" >/dev/null 2>&1
rm -f "$new/.said" "$new/ca.pem"
