# Can a worker work on this node? Runs in a block's job, before its worker.
# Set in front: python, address, port, visible_seconds, reach_seconds.
node=$(uname -n)
if [ -L "$python" ] && [ ! -e "$python" ]; then
    echo "towline: $node has no $(readlink "$python"), which the controller has; set python: workspace" >&2
    exit 97
fi
waited=0
until [ -x "$python" ]; do
    if [ "$waited" -ge "$visible_seconds" ]; then
        echo "towline: $node does not see $python; is its file system shared with the controller?" >&2
        exit 97
    fi
    ls "${python%/*/*}/.." >/dev/null 2>&1
    waited=$((waited + 1))
    sleep 1
done
said=$("$python" -I -S -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3])).close()' "$address" "$port" "$reach_seconds" 2>&1)
case $? in
0) exit 0 ;;
1) ;;
*)
    echo "towline: $python does not start on $node: $said" >&2
    exit 97
    ;;
esac
echo "towline: $node cannot reach the controller at $address port $port: $(echo "$said" | tail -n 1)" >&2
exit 98
