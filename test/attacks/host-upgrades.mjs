// A host that serves upgrades and tunnels itself, beside the handler.
import { createServer } from 'node:http'
import { createGateway } from 'mcplex'
import { nodeHandler } from 'mcplex/node'

const [command, ...args] = process.argv.slice(2)
const gateway = createGateway({ upstream: { command, args } })
await gateway.start()
const server = createServer(nodeHandler(gateway))
const take = (_request, socket) => {
  socket.on('error', () => {})
  socket.end('HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
}
server.on('upgrade', take).on('connect', take)
server.listen(0, '127.0.0.1', () => console.log(`ready: http://127.0.0.1:${server.address().port}/mcp`))
process.once('SIGTERM', () => void gateway.close().then(() => process.exit(0)))
