/** A `fetch` to the endpoint of several servers, for a client that knows the names of one of them. */
import { ownText, shownMessage } from '../compatibility/transports/merged-endpoint.ts'
import type { JsonMap } from '../support/rpc.ts'

/** The member of the params that is repeated in the header Mcp-Name. */
const mirrored = ['name', 'uri', 'taskId']

/** @param one the name of the server at the endpoint */
export function ownNames(one: string): typeof fetch {
  return async (input, init = {}) => {
    const { body: text, headers: given } = init
    const response = await fetch(input, typeof text === 'string' ? { ...init, ...shown(one, text, given) } : init)
    if (!response.body) return response
    const body = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(linesOf(one))
    const { status, statusText, headers } = response
    return new Response(body.pipeThrough(new TextEncoderStream()), { status, statusText, headers })
  }
}

/** The body and the headers of a request as the endpoint knows what it names. */
function shown(one: string, text: string, headers: RequestInit['headers']): RequestInit {
  const message = shownMessage(one, JSON.parse(text) as JsonMap)
  const params = (message['params'] ?? {}) as JsonMap
  const given = new Headers(headers)
  const name = mirrored.map((key) => params[key]).find((value) => typeof value === 'string')
  if (given.has('mcp-name') && typeof name === 'string') given.set('mcp-name', name)
  return { body: JSON.stringify(message), headers: given }
}

/** Each line of a stream of events, or a body of JSON as its only line, with the names of the server. */
function linesOf(one: string): TransformStream<string, string> {
  let rest = ''
  const own = (line: string): string => {
    const [, field = '', text = ''] = /^((?:data:)? *)(\{.*)$/s.exec(line) ?? []
    return text === '' ? line : `${field}${ownText(one, text)}`
  }
  return new TransformStream({
    transform(text, controller) {
      const lines = `${rest}${text}`.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) controller.enqueue(`${own(line)}\n`)
    },
    flush: (controller) => controller.enqueue(own(rest)),
  })
}
