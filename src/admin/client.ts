/** Asks a running mcplex at its door for operators. */
import { type ClientRequest, request, type RequestOptions } from 'node:http'
import { request as requestSecurely } from 'node:https'
import { type Clock, stayAwake } from '../base/clock.ts'
import { isObject } from '../base/json.ts'
import { AdminError } from './admin-error.ts'
import type { ApiAnswers } from './answers.ts'
import { api, type OperationId } from './api.ts'

/** Where it is: a Unix socket, or a URL with a token. */
export type AdminPlace = { readonly socket: string } | { readonly url: string; readonly token: string | undefined }

/** What is asked. */
export interface Asked {
  readonly segments?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: object
}

/** There was no answer: the process has ended, or hangs. */
export class Unanswered extends Error {
  /** Node's code. */
  readonly code: string | undefined

  constructor(message: string, code?: string) {
    super(message)
    this.name = 'Unanswered'
    this.code = code
  }
}

const answerMs = 15_000
const maxBytes = 16 * 1024 ** 2

/** @throws AdminError with what the instance says is wrong, or Unanswered */
export async function askAdmin<Id extends OperationId>(
  place: AdminPlace,
  id: Id,
  asked: Asked,
  clock: Clock,
): Promise<ApiAnswers[Id]> {
  const { method, path } = api[id]
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(asked.segments?.[name] ?? ''))
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(asked.query ?? {})) if (value !== undefined) query.set(name, String(value))
  const target = query.size > 0 ? `${filled}?${query.toString()}` : filled
  const awake = stayAwake()
  try {
    const { status, text } = await exchange(
      place,
      { method, target, body: asked.body && JSON.stringify(asked.body) },
      clock,
    )
    const answer = parsed(text)
    if (status === 200) return await answerOf(id, answer)
    if (isObject(answer) && typeof answer['reason'] === 'string' && typeof answer['title'] === 'string')
      throw new AdminError(status, answer['reason'], answer['title'])
    throw new Unanswered(`it answered with status ${status}, and not as mcplex does`)
  } finally {
    awake.stop()
  }
}

/** The answer as its schema has it; what a newer mcplex says beyond that is left out. @throws Unanswered */
async function answerOf<Id extends OperationId>(id: Id, answer: unknown): Promise<ApiAnswers[Id]> {
  // Loaded by verbs alone: an instance that serves has no use for schemas.
  const { answers } = await import('./schemas.ts')
  const { data, error } = answers[id].safeParse(answer)
  if (data === undefined)
    throw new Unanswered(`it answered as no mcplex of this version does: ${error?.issues[0]?.path.join('.')}`)
  return data
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A proxy in front of the address may speak TLS. */
function requestTo(url: URL, options: RequestOptions): ClientRequest {
  return url.protocol === 'https:' ? requestSecurely(url, options) : request(url, options)
}

interface Sent {
  readonly method: string
  readonly target: string
  readonly body: string | undefined
}

function exchange(
  place: AdminPlace,
  { method, target, body }: Sent,
  clock: Clock,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(body !== undefined && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }),
      ...('url' in place && place.token !== undefined && { Authorization: `Bearer ${place.token}` }),
    }
    const options = { method, headers, agent: false }
    const sent =
      'socket' in place
        ? request({ ...options, socketPath: place.socket, path: target, host: 'localhost' })
        : requestTo(new URL(target, place.url), options)
    const late = clock.after(answerMs, () => sent.destroy(new Unanswered(`no answer within ${answerMs / 1000} s`)))
    sent.once('error', (error: NodeJS.ErrnoException) => {
      late.stop()
      reject(error instanceof Unanswered ? error : new Unanswered(error.message, error.code))
    })
    sent.once('response', (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > maxBytes) response.destroy(new Unanswered(`an answer of more than ${maxBytes} bytes`))
        else chunks.push(chunk)
      })
      // Not through `sent`, which is destroyed already when its connection breaks.
      response.once('error', (error) => {
        late.stop()
        reject(error instanceof Unanswered ? error : new Unanswered(error.message))
      })
      response.once('end', () => {
        late.stop()
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() })
      })
    })
    sent.end(body)
  })
}
