/** Lines that are not UTF-8, over pipes: run as they would read, they would be other calls than were meant. */
import { expect, onTestFinished, test } from 'vitest'
import { echoLegacy } from '../support/mcplex.ts'
import { serveStdio } from '../support/pipes.ts'
import { reasonOf, textOf } from '../support/rpc.ts'

test('a call that is not UTF-8 is refused by its id, not run as another, and those beside it are run', async () => {
  const piped = serveStdio([echoLegacy])
  onTestFinished(() => piped.end())
  await piped.initialize()
  const call = (id: number, text: string): Buffer => {
    const params = { name: 'echo', arguments: { text } }
    return Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })}\n`, 'latin1')
  }
  const meant = Buffer.from(call(12, 'a mark: X').toString().replace('X', '\ufffd'))
  piped.child.stdin?.write(Buffer.concat([call(10, 'plain'), call(11, 'caf\xe9'), meant]))
  expect(textOf(await piped.response(10))).toBe('plain')
  expect(reasonOf(await piped.response(11))).toBe('parse_error')
  expect(textOf(await piped.response(12))).toBe('a mark: \ufffd')
})
