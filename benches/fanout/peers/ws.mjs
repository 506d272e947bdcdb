// The chat of ws's own documentation ("Server broadcast"), with our JSON.
import { WebSocketServer } from 'ws'

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, backlog: 4096 })
let ids = 0
let guests = 0

server.on('connection', (socket) => {
  const from = `guest-${++guests}`
  socket.on('error', console.error)
  socket.on('message', (text) => {
    const at = new Date().toISOString()
    const message = JSON.stringify({ type: 'message', id: ++ids, at, from, text: text.toString() })
    for (const client of server.clients) client.send(message)
  })
  socket.send(JSON.stringify({ type: 'welcome', you: from }))
})
server.on('listening', () => console.log(`http://localhost:${server.address().port}/`))
