// The WebSocket, whole: open one, hear what happens to it, send, close. Everything else on this page builds on this file.

// Where the server is: this page's own address, with ws: in place of http:, and wss: in place of https:.
export function socketAddress(path) {
  const address = new URL(path, document.baseURI);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  return address.href;
}

// Step 1, the handshake. The browser does it alone, with an HTTP request that asks for an upgrade; we only wait for an event.
// An "error" event exists too, but it tells nothing, and "close" always follows it.
export function openSocket(path, { opened, received, closed }) {
  const socket = new WebSocket(socketAddress(path));

  // The server has answered 101: from here on both sides send when they like.
  socket.addEventListener('open', () => opened?.(socket));

  // Step 2, the persistent connection. One event is one message: text is a string, binary data is a Blob.
  socket.addEventListener('message', ({ data }) => received?.(data, socket));

  // Step 3, the close: the end of every WebSocket, also of one that never opened. `code` says why (RFC 6455, section 7.4),
  // and `wasClean` whether both sides sent a close frame.
  socket.addEventListener('close', ({ code, reason, wasClean }) => closed?.({ code, reason, wasClean }, socket));

  return socket;
}

// A message to the server: the browser makes a text frame of it, and masks it.
export function sendText(socket, text) {
  socket.send(text);
}

// We ask for the close. The server answers with a close frame of its own; then "close" above happens.
export function closeSocket(socket) {
  socket.close(1000);
}
