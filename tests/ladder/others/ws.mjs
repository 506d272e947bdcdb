// A chat as the documentation of Node's `ws` shows it ("Server broadcast").
import { createRequire } from "node:module"

const { WebSocket, WebSocketServer } = createRequire(`${process.argv[2]}/`)("ws")
const server = new WebSocketServer({ host: "127.0.0.1", port: 0 }, () => {
  console.log(`http://127.0.0.1:${server.address().port}/`)
})

server.on("connection", (socket) => {
  socket.on("error", () => {})
  socket.on("message", (data, isBinary) => {
    for (const client of server.clients) {
      if (client.readyState === WebSocket.OPEN) client.send(data, { binary: isBinary })
    }
  })
})
