# On a node: is Towline's folder the controller's, and does the controller's port answer?
# Arguments: file in the folder, what stands in it, controller's address, port, Python of the controller.
printf '@@node=%s\n' "$(uname -n)"
if [ "$(cat "$1" 2>/dev/null)" = "$2" ]; then echo @@folder=yes; else echo @@folder=no; fi
dial='import socket, sys
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), 20)
print("@@answer=" + peer.makefile().readline().strip())'
for python in "$5" python3 /usr/libexec/platform-python; do
    command -v "$python" >/dev/null 2>&1 || continue
    printf '@@python=%s\n' "$python"
    "$python" -S -E -c "$dial" "$3" "$4" 2>&1 | sed '$s/^\([^@]\)/@@trouble=\1/'
    exit
done
if command -v bash >/dev/null 2>&1; then
    bash -c 'exec 3<>"/dev/tcp/$1/$2" && read -r -t 20 line <&3 && printf "@@answer=%s\n" "$line"' dial "$3" "$4" 2>&1 |
        sed '$s/^\([^@]\)/@@trouble=\1/'
else
    echo @@undialled=yes
fi
