/** An endpoint that does with each exchange what a test says, and `mcplex connect` in front of it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { onTestFinished } from 'vitest'
import { type Piped, startPiped } from './pipes.ts'

export interface Asked {
  readonly verb: string
  readonly method: string | undefined
  readonly id: number
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

export interface Bridged {
  /** Options of `connect`. */
  readonly options?: readonly string[]
  /** Flags of the Node that runs it. */
  readonly node?: readonly string[]
}

/** A server that does with each exchange what the test says, and keeps what it was asked. */
export async function hostile(
  answer: (asked: Asked) => void,
  { options = [], node = [] }: Bridged = {},
): Promise<{ piped: Piped; seen: string[] }> {
  const seen: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      const { method, id = 0 } = (body === '' ? {} : JSON.parse(body)) as { method?: string; id?: number }
      const verb = request.method ?? ''
      seen.push(method ?? verb)
      answer({ verb, method, id, request, response })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : ''
  const piped = startPiped(['connect', ...options, `http://127.0.0.1:${port}/mcp`], {}, node)
  onTestFinished(async () => {
    await piped.end()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { piped, seen }
}

/** The head of an event stream. */
export const stream = { 'Content-Type': 'text/event-stream' }

export function json(response: ServerResponse, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'Content-Type': 'application/json', ...headers })
  response.end(JSON.stringify({ jsonrpc: '2.0', ...body }))
}

/** Opens a session. */
export function opened({ id, response }: Asked): void {
  json(response, { id, result: { protocolVersion: '2025-06-18', capabilities: {} } }, { 'Mcp-Session-Id': 's' })
}
