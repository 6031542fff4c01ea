# On a node: is Towline's folder the controller's, and does the controller's port answer?
# Set in front of it: mark (file in the folder), token (what stands in it), address, port, python.
echo "@@node=$(uname -n)"
if [ "$(cat "$mark" 2>/dev/null)" = "$token" ]; then echo @@folder=yes; else echo @@folder=no; fi

dial_with_python() {
    "$1" -S -E -c 'import socket, sys
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), 20)
print("@@answer=" + peer.makefile().readline().strip())' "$address" "$port"
}

dial_with_bash() {
    timeout 20 bash -c 'exec 3<>"/dev/tcp/$0/$1" && read -r line <&3 && echo "@@answer=$line"' "$address" "$port"
}

dial() {
    for candidate in "$python" python3 /usr/libexec/platform-python; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        dial_with_python "$candidate"
        return
    done
    if command -v bash >/dev/null 2>&1; then dial_with_bash; else echo @@undialled=yes; fi
}

dial 2>&1 | sed '$s/^\([^@]\)/@@trouble=\1/'
echo @@end=ok
