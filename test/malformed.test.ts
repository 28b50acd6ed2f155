/**
 * Hundreds of malformed requests against the built command. None is answered with 5xx, none
 * hangs, none gets to see what is inside, and after every ten a proper call is answered as ever.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { malformedRequests } from './support/malformed.ts'
import { echoLegacy, echoModern, startMcplex, type Mcplex } from './support/mcplex.ts'
import { ask, requestBytes, type RawResponse } from './support/raw-http.ts'
import { echoCall, legacyWireFormat, modernWireFormat, type Case, type WireFormat } from './support/wire-format.ts'

const internals =
  /node_modules|node:internal|\bat .+:\d+:\d+|\.[cm]?[jt]s\b|file:\/\/\/(?!etc)|SyntaxError|TypeError|RangeError|ZodError|Unexpected token|JSON at position|ENOENT|ECONN|EPIPE|polluted|dist\/|\/src\//

function isRefused(response: RawResponse): boolean {
  if (response.status >= 400) return true
  const text = response.body.includes('data: ') ? (/^data: (\{.*)$/m.exec(response.body)?.[1] ?? '{}') : response.body
  if (text === '') return false
  const answer = JSON.parse(text) as { error?: unknown; result?: { isError?: unknown } }
  return answer.error !== undefined || answer.result?.isError === true
}

async function legacySession(port: number): Promise<WireFormat> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'malformed', version: '0' } }
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params })
  const response = await ask(port, requestBytes('POST /mcp', headers, body))
  return legacyWireFormat(response.headers.get('mcp-session-id') ?? '')
}

describe.each([
  { era: 'legacy', server: echoLegacy, wireFormatAt: legacySession },
  { era: 'modern', server: echoModern, wireFormatAt: () => Promise.resolve(modernWireFormat) },
])('the $era era', ({ server, wireFormatAt }) => {
  let mcplex: Mcplex
  let port: number
  let format: WireFormat
  beforeAll(async () => {
    mcplex = await startMcplex({ server: [server] })
    port = Number(new URL(mcplex.url).port)
    format = await wireFormatAt(port)
  })
  afterAll(async () => {
    expect((await mcplex.end()).code).toBe(0)
  })

  async function probe(text: string): Promise<void> {
    const response = await ask(port, echoCall(format, text))
    expect(response.status, response.body).toBe(200)
    expect(response.body).toContain(text)
  }

  /** What is wrong with the answer to a malformed request; undefined if nothing is. */
  async function fault({ name, bytes, mayPass }: Case): Promise<string | undefined> {
    const response = await ask(port, bytes)
    const shown = `${name}: ${response.status} ${response.body.slice(0, 300)}`
    if (response.status >= 500) return `5xx: ${shown}`
    const leak = internals.exec(response.body)
    if (leak) return `shows ${leak[0]}: ${shown}`
    if (response.body.length > 65_536) return `echoes ${response.body.length} characters: ${shown}`
    if (mayPass !== true && !isRefused(response)) return `not refused: ${shown}`
    return undefined
  }

  test('answers every malformed request with a refusal, and goes on', { timeout: 120_000 }, async () => {
    const cases = malformedRequests(format)
    expect(cases.length).toBeGreaterThan(300)
    expect(new Set(cases.map((one) => one.name)).size).toBe(cases.length)
    const faults: string[] = []
    for (const [i, one] of cases.entries()) {
      try {
        const found = await fault(one)
        if (found !== undefined) faults.push(found)
      } catch (error) {
        faults.push(`no answer: ${one.name}: ${String(error)}`)
      }
      if (i % 10 === 9) await probe(`still here after ${i + 1}`)
    }
    expect(faults).toEqual([])
    await probe('still here')
    expect(mcplex.log.map((line) => line['msg'])).not.toContain('internal fault')
  })
})
