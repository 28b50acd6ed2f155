// Listens at a Unix socket from a given moment on (`node listen-on-socket.mjs PATH MS`), and says whether it does.
import { listen } from 'mcplex/node'

const [socket, moment] = process.argv.slice(2)
const log = { debug() {}, info() {}, warn() {}, error() {} }
const answer = { status: 200, headers: {}, body: String(process.pid) }
const gateway = {
  handle: () => Promise.resolve(answer),
  health: () => Promise.reject(new Error('nothing to tell')),
}
const settings = { host: '', port: 0, allowHosts: [], allowOrigins: [], maxBodyBytes: 1000, socket }
while (Date.now() < Number(moment));
try {
  const listener = await listen(gateway, settings, log)
  process.once('SIGTERM', () => void listener.close())
  console.log('ready')
} catch (error) {
  console.log(error.code)
}
