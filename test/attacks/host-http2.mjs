// A host whose server speaks HTTP/2, which the handler does not.
import { createServer } from 'node:http2'
import { createGateway } from 'mcplex'
import { nodeHandler } from 'mcplex/node'

const [command, ...args] = process.argv.slice(2)
const gateway = createGateway({ upstream: { command, args } })
await gateway.start()
const server = createServer(nodeHandler(gateway))
server.listen(0, '127.0.0.1', () => console.log(`ready: http://127.0.0.1:${server.address().port}/mcp`))
process.once('SIGTERM', () => void gateway.close().then(() => process.exit(0)))
