// The chat of Socket.IO's own tutorial, with our fields.
import { createServer } from 'node:http'
import { Server } from 'socket.io'

const http = createServer()
const io = new Server(http, { transports: ['websocket'] })
let ids = 0
let guests = 0

io.on('connection', (socket) => {
  const from = `guest-${++guests}`
  socket.on('message', (text) => {
    io.emit('message', { id: ++ids, at: new Date().toISOString(), from, text })
  })
})
http.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  console.log(`http://localhost:${http.address().port}/`)
})
