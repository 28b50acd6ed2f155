/** `mcplex connect` in front of endpoints that answer with anything, and reset: every request is answered, nothing ends. */
import { createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { inTime } from '../support/eventually.ts'
import { standalone, startPiped } from '../support/pipes.ts'

const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`
const json = 'Content-Type: application/json'
const stream = ['HTTP/1.1 200 OK', 'Content-Type: text/event-stream', 'Transfer-Encoding: chunked']
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

/** What is answered, byte for byte. */
const answers: ReadonlyArray<readonly [name: string, bytes: string | Buffer]> = [
  ['nothing', ''],
  ['half of a head', 'HTTP/1.1 200 OK\r\nContent-'],
  ['rubbish', Buffer.from(Array.from({ length: 512 }, (_, i) => (i * 7919) % 256))],
  ['another protocol', head('RTSP/1.0 200 OK')],
  [
    'other protocols from here on',
    head('HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'),
  ],
  ['interim answers without end', head('HTTP/1.1 100 Continue').repeat(500)],
  ['early hints', head('HTTP/1.1 103 Early Hints', 'Link: </x>; rel=preload').repeat(3)],
  ['a status that is none', head('HTTP/1.1 999 What', 'Content-Length: 0')],
  ['no content', head('HTTP/1.1 204 No Content')],
  ['a redirect to itself', head('HTTP/1.1 307 Temporary Redirect', 'Location: /mcp', 'Content-Length: 0')],
  ['a redirect to nowhere', head('HTTP/1.1 302 Found', 'Location: http://[', 'Content-Length: 0')],
  ['two lengths', head('HTTP/1.1 200 OK', json, 'Content-Length: 1', 'Content-Length: 2')],
  ['a length that is never reached', `${head('HTTP/1.1 200 OK', json, 'Content-Length: 1000')}{"jsonrpc":`],
  ['a header too large', head('HTTP/1.1 200 OK', `X-Large: ${'x'.repeat(100_000)}`)],
  ['a header that is none', head('HTTP/1.1 200 OK', 'Mcp-Session-Id: \u0001\u0002')],
  ['JSON that is none', head('HTTP/1.1 200 OK', json, 'Content-Length: 1') + '{'],
  ['JSON that means nothing', head('HTTP/1.1 200 OK', json, 'Content-Length: 4') + 'null'],
  ['a list', head('HTTP/1.1 200 OK', json, 'Content-Length: 4') + '[[]]'],
  ['no UTF-8', head('HTTP/1.1 200 OK', json, 'Content-Length: 2') + '\u00ff\u00fe'],
  [
    'what is said to be compressed',
    head('HTTP/1.1 200 OK', json, 'Content-Encoding: gzip', 'Content-Length: 4') + 'nope',
  ],
  [
    'what is said to be compressed by what is not known',
    head('HTTP/1.1 200 OK', json, 'Content-Encoding: x', 'Content-Length: 2') + '{}',
  ],
  ['a chunk that is none', head(...stream) + 'zz\r\n'],
  [
    'a stream that breaks off',
    head(...stream) + chunk('data: {"jsonrpc":"2.0","method":"notifications/x"}\n\n') + 'ffff\r\ndata: ',
  ],
  ['a stream of rubbish', head(...stream) + chunk('data: [}\n\nid: \u0000\nretry: -1\n\ndata: 7\n\n') + '0\r\n\r\n'],
  ['a stream with trailers', `${head(...stream)}${chunk('data: {}\n\n')}0\r\nX-Trailer: x\r\n\r\n`],
  ['more than was asked for', head('HTTP/1.1 200 OK', json, 'Content-Length: 2') + '{}'.repeat(5000)],
]

type End = (socket: Socket) => void
const ends: readonly End[] = [
  (socket) => socket.end(),
  (socket) => socket.destroy(),
  (socket) => socket.resetAndDestroy(),
  (socket) => void setTimeout(() => socket.resetAndDestroy(), 5),
]

test('every request is answered, whatever the endpoint says and however it breaks off', async () => {
  let at = 0
  const seen: string[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      const [name, bytes] = answers[Math.floor(at / ends.length) % answers.length] ?? ['', '']
      seen.push(name)
      const end = ends[at++ % ends.length]
      if (bytes.length === 0) return end?.(socket)
      socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, () => end?.(socket))
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const piped = startPiped(['connect', '--wait', '100ms', `http://127.0.0.1:${port}/mcp`])
  onTestFinished(() => piped.end())
  const rounds = answers.length * ends.length
  // A request that has waited too long behind another one never gets to the endpoint.
  for (let i = 0; i < rounds || (at < rounds && i < 2 * rounds); i++) {
    const answer = await inTime(
      `an answer behind ${seen.at(-1)}`,
      piped.request('server/discover', { _meta: standalone() }),
    )
    expect(answer.result ?? answer.error, `behind ${seen.at(-1)}`).toBeDefined()
  }
  expect(new Set(seen).size).toBe(answers.length)
  expect((await piped.request('ping')).result).toEqual({})
  expect(piped.stderr()).not.toContain('unexpected')
  piped.hangUp()
  expect(await inTime('its end', piped.exited)).toBe(0)
}, 60_000)
