/** Bodies within their limit, cut into as many pieces as they have bytes: each piece must not cost more than its byte. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { field, frame, opening } from '../support/h2-frames.ts'
import { mcplexForTest } from '../support/mcplex.ts'

const bytes = 1024 ** 2
const headers = {
  ':method': 'POST',
  ':path': '/mcp',
  ':scheme': 'http',
  ':authority': 'localhost',
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
}

function memoryOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

const head = Object.entries(headers)
  .filter(([name]) => !name.startsWith(':'))
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('')

const ways = {
  'chunks of HTTP/1.1': {
    begin: Buffer.from(`POST /mcp HTTP/1.1\r\nHost: localhost\r\n${head}Transfer-Encoding: chunked\r\n\r\n`),
    piece: Buffer.from('1\r\n \r\n'),
    end: Buffer.from('0\r\n\r\n'),
  },
  'frames of HTTP/2': {
    begin: Buffer.concat([
      opening(),
      frame('headers', 4, 1, Buffer.concat(Object.entries(headers).map(([name, value]) => field(name, value)))),
    ]),
    piece: frame('data', 0, 1, Buffer.from(' ')),
    end: frame('data', 1, 1, Buffer.alloc(0)),
  },
}

test.each(Object.entries(ways))(
  '%s of one byte cost no more than a body in one',
  { timeout: 60_000 },
  async (_name, way) => {
    const mcplex = await mcplexForTest()
    const before = memoryOf(mcplex.pid)
    const socket = connect(Number(new URL(mcplex.origin).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.on('error', () => {})
    let [answer, most] = ['', 0]
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text))
    socket.write(way.begin)
    const many = Buffer.alloc(4096 * way.piece.length, way.piece)
    for (let sent = 0; sent < bytes; sent += 4096) {
      if (!socket.write(many)) await new Promise((resolve) => socket.once('drain', resolve))
      most = Math.max(most, memoryOf(mcplex.pid))
    }
    socket.write(way.end)
    await eventually('the answer', () => answer.includes('-32700'))
    expect(most - before).toBeLessThan(60)
  },
)
