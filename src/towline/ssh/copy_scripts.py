"""The POSIX ``sh`` scripts that receive and send files on the controller.

All paths go in quoted, as :func:`quote_path` writes them. Exit code 91 means "another checksum",
92 "not what was expected there"; both say so on standard error.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from towline.ssh.quoting import quote, quote_path

PART = ".towline-part-"
"""How temporary names begin; the next copy into the folder sweeps what a killed one left."""

SHA256 = """\
sha256() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum
  elif command -v shasum >/dev/null 2>&1; then shasum -a 256
  elif command -v openssl >/dev/null 2>&1; then openssl dgst -sha256 -r
  else python3 -c 'import hashlib, sys
h = hashlib.sha256()
for b in iter(lambda: sys.stdin.buffer.read(1 << 18), b""): h.update(b)
print(h.hexdigest())'
  fi | cut -c 1-64
}
"""

_REMOVE = """\
remove() { rm -rf -- "$@" 2>/dev/null || { chmod -R u+rwX -- "$@"; rm -rf -- "$@"; } }
"""

_END_CLEANLY = "trap 'exit 1' HUP INT TERM PIPE\n"
"""A signal, such as that of a broken connection, must not keep the EXIT trap from running."""

_TRY_SPACE = 'head -c 1048576 /dev/zero >"$part.space"'
"""``tar`` says "Wrote only 4096 of 10240 bytes" on a full disk; this gets the system's words."""


def parent_of(remote: str) -> str:
    """Return the folder that holds a remote path.

    Raises:
        ValueError: when the path has no name of its own (``/``, ``~``, ``a/..``).

    """
    path = PurePosixPath(remote)
    if path.name in ("", "..", "~"):
        raise ValueError(f"{remote!r} does not name a file or folder")
    return str(path.parent)


def receive_file(remote: str, part: str, digest: str, mode: int) -> str:
    """Write standard input to ``part`` and move it to ``remote`` if its SHA-256 is ``digest``."""
    return f"""\
umask 077
destination={quote_path(remote)} part={quote_path(part)}
{SHA256}
{_END_CLEANLY}trap 'rm -f -- "$part"' EXIT
mkdir -p -- {quote_path(parent_of(remote))} || exit 1
cat >"$part" || exit 1
found=$(sha256 <"$part")
[ "$found" = {digest} ] || {{ echo "checksum of what arrived: $found" >&2; exit 91; }}
[ ! -d "$destination" ] || {{ echo "there is a folder of this name" >&2; exit 92; }}
chmod {mode:04o} -- "$part" && mv -f -- "$part" "$destination"
"""


def receive_tree(remote: str, part: str) -> str:
    """Unpack the ``tar`` stream of standard input as ``part``; print its SHA-256.

    Whatever goes wrong, ``part`` is gone afterwards.
    """
    return f"""\
umask 022
folder={quote_path(parent_of(remote))} part={quote_path(part)}
{SHA256}{_REMOVE}
mkdir -p -- "$folder" || exit 1
find "$folder/" -maxdepth 1 -name {quote(PART + "*")} -mtime +1 -exec rm -rf -- {{}} + 2>/dev/null
{_END_CLEANLY}trap 'remove "$part" "$part.pipe" "$part.space"' EXIT
mkdir -- "$part" && mkfifo -- "$part.pipe" || exit 1
(tar -xpof - -C "$part" && cat >/dev/null) <"$part.pipe" &
found=$(tee -- "$part.pipe" | sha256)
wait $! || {{ {_TRY_SPACE}; exit 1; }}
rm -f -- "$part.pipe"
trap - EXIT
echo "$found"
"""


def switch_in_tree(remote: str, part: str) -> str:
    """Put the unpacked tree in its place; an older one gives way and is removed."""
    return f"""\
destination={quote_path(remote)} part={quote_path(part)}
{_REMOVE}
if [ -e "$destination" ] || [ -L "$destination" ]; then
  mv -- "$destination" "$part.old" || {{ remove "$part"; exit 1; }}
fi
mv -- "$part" "$destination" || {{
  [ ! -e "$part.old" ] || mv -- "$part.old" "$destination"
  remove "$part"
  exit 1
}}
[ ! -e "$part.old" ] && [ ! -L "$part.old" ] || remove "$part.old"
"""


def remove_part(part: str) -> str:
    """Remove what an unfinished copy left."""
    path = quote_path(part)
    return f"{_REMOVE}remove {path} {path}.pipe\n"


def send_file(remote: str) -> str:
    """Print the size in bytes and a newline, the content up to that size, its SHA-256.

    A file that others append to meanwhile is copied as far as it went.
    """
    return f"""\
file={quote_path(remote)}
{SHA256}
[ -f "$file" ] || {{ echo "there is no such file" >&2; exit 92; }}
size=$(wc -c <"$file") || exit 1
echo $((size))
head -c $((size)) <"$file" && head -c $((size)) <"$file" | sha256
"""


def send_tree(remote: str, *, with_size: bool) -> str:
    """Print about how many bytes and a newline, then the folder as ``tar``.

    Standard error ends with the exit code of ``tar`` and the SHA-256 of its stream.
    """
    size = """$(($(du -sk -- "$folder" | cut -f 1) * 1024))""" if with_size else "0"
    return f"""\
folder={quote_path(remote)}
{SHA256}
[ -d "$folder" ] || {{ echo "there is no such folder" >&2; exit 92; }}
echo {size}
{{
  {{
    {{ tar -cf - -C "$folder" .; echo "tar: $?" >&2; }} | tee /dev/fd/3 | sha256 >&2
  }} 3>&1
}} | cat
"""
