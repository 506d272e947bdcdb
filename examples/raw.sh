# Sends bytes that you write by hand over a WebSocket of localhost, and prints in hexadecimal what comes back within a second:
#
#   bash examples/raw.sh '\x81\x84\x37\xfa\x21\x3d\x5f\x95\x4d\x5c'
#
# A second argument is the address, /echo without it; PORT=3000 is the variable for another port.
exec 3<> "/dev/tcp/localhost/${PORT:-3000}" || exit 1

printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' "${2:-/echo}" >&3
printf 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n' >&3
IFS= read -r status <&3
while IFS= read -r line <&3 && [ "$line" != $'\r' ]; do :; done
case $status in *' 101 '*) ;; *) echo "$status" >&2; exit 1 ;; esac

# From here on the connection carries frames.
answer=$(mktemp)
cat <&3 > "$answer" &
printf "$1" >&3
sleep 1
kill $! 2> /dev/null
wait 2> /dev/null
od -An -v -tx1 "$answer"
rm "$answer"
