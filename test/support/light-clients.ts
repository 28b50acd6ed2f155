/** Many clients on bare HTTP that keep their connections: each calls a tool again and again, and notices every wrong answer. */
import { Agent, request } from 'node:http'

/** How clients of an era speak. */
export type ClientEra = 'session-based' | 'stateless'

export interface WrongAnswer {
  readonly client: number
  /** The text that the call was made with. */
  readonly text: string
  /** The reason of the error, or all of the answer. */
  readonly answer: string
}

export interface LightClients {
  readonly answered: ReadonlySet<string>
  readonly wrong: readonly WrongAnswer[]
  /** What stood beside the text in the last right answer to each client. */
  readonly extras: ReadonlyMap<number, string>
  /** How many calls each client has made. */
  readonly made: readonly number[]
  /** One more call of a client, with further arguments. @returns the answer that it got, or the reason of the error */
  callOnce(client: number, args: object): Promise<string>
  /** Ends the load once the calls that run are over. Sessions stay. */
  stop(): Promise<void>
  /** Ends the sessions. */
  end(): Promise<void>
}

export interface LoadOptions {
  readonly url: string
  readonly era: ClientEra
  readonly clients: number
  /** Arguments of each call beside its text. */
  readonly args: object
  /** How long a client waits between two calls, in milliseconds. */
  readonly restMs: number
}

interface Answer {
  readonly status: number
  readonly session: string | undefined
  readonly text: string
}

const versions = { 'session-based': '2025-11-25', stateless: '2026-07-28' }
const prefix = 'io.modelcontextprotocol/'
const info = { name: 'load', version: '1' }

const metadata = {
  [`${prefix}protocolVersion`]: versions.stateless,
  [`${prefix}clientCapabilities`]: {},
  [`${prefix}clientInfo`]: info,
}

/** The clients call until they are stopped. Rejects if one of them gets no session. */
export async function startLoad({ url, era, clients, args, restMs }: LoadOptions): Promise<LightClients> {
  const agent = new Agent({ keepAlive: true })
  const send = (method: string, headers: Readonly<Record<string, string>>, body?: object): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const sent = request(url, { agent, method, headers: { ...postHeaders, ...headers } })
      sent.once('error', reject)
      sent.once('response', (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        response.once('error', reject)
        response.once('end', () => {
          const session = response.headers['mcp-session-id']
          resolve({
            status: response.statusCode ?? 0,
            session: typeof session === 'string' ? session : undefined,
            text,
          })
        })
      })
      sent.end(body && JSON.stringify({ jsonrpc: '2.0', ...body }))
    })

  const open = async (): Promise<Readonly<Record<string, string>>> => {
    const version = { 'MCP-Protocol-Version': versions[era] }
    if (era === 'stateless') return { ...version, 'Mcp-Method': 'tools/call', 'Mcp-Name': 'run' }
    const params = { protocolVersion: versions[era], capabilities: {}, clientInfo: info }
    const { session, text } = await send('POST', {}, { id: 0, method: 'initialize', params })
    if (session === undefined) throw new Error(`no session: ${text}`)
    const headers = { ...version, 'Mcp-Session-Id': session }
    await send('POST', headers, { method: 'notifications/initialized' })
    return headers
  }

  const headers = await Promise.all(Array.from({ length: clients }, open))
  const [made, answered, extras, wrong] = [
    headers.map(() => 0),
    new Set<string>(),
    new Map<number, string>(),
    [] as WrongAnswer[],
  ]

  const callOnce = async (client: number, more: object): Promise<string> => {
    const call = made[client] ?? 0
    made[client] = call + 1
    const text = `${client}-${call}.`
    const meta = era === 'stateless' ? { _meta: metadata } : {}
    const params = { name: 'run', arguments: { text, ...args, ...more }, ...meta }
    const asked = { id: call + 1, method: 'tools/call', params }
    const answer = await send('POST', headers[client] ?? {}, asked).then(
      (got) => got.text,
      (error: unknown) => String(error),
    )
    const [own, extra] = [...answer.matchAll(/"type":"text","text":"([^"]*)"/g)].map(([, one]) => one)
    if (own === text) {
      answered.add(text)
      if (extra !== undefined) extras.set(client, extra)
      return text
    }
    const reason = /"reason":"(\w+)"/.exec(answer)?.[1] ?? answer
    wrong.push({ client, text, answer: reason })
    return reason
  }

  let goesOn = true
  const loops = headers.map(async (_, client) => {
    while (goesOn) {
      await callOnce(client, {})
      await new Promise((resolve) => setTimeout(resolve, restMs))
    }
  })
  return {
    answered,
    wrong,
    extras,
    made,
    callOnce,
    async stop() {
      goesOn = false
      await Promise.all(loops)
    },
    async end() {
      if (era === 'session-based') await Promise.all(headers.map((own) => send('DELETE', own)))
      agent.destroy()
    },
  }
}

const postHeaders = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }
