// A model that says what it is told: as much of a maker's API as a program needs that calls tools for its model.
//
// Promises: listens on loopback, on a free port; each question of the conversation waits until there is something to say.

import { once } from 'node:events'
import { createServer } from 'node:http'

/** @import { IncomingMessage, ServerResponse } from 'node:http' */

/**
 * What the model says next.
 * @typedef {{ text: string } | { id: string, name: string, input: object }} Saying
 *
 * The API of one maker.
 * @typedef {object} Dialect
 * @property {(request: IncomingMessage) => boolean} isQuestion
 * @property {(body: any) => string[]} toolsIn   the names of the tools that the model may call
 * @property {(body: any, id: string) => string | undefined} resultIn   the text of the result of a call, if it is there
 * @property {(response: ServerResponse, body: any, saying: Saying) => void} answer
 *
 * @typedef {object} Model
 * @property {string} url
 * @property {() => Promise<string[]>} tools   what the program knows of the server, without the prefix
 * @property {(name: string, args: object) => Promise<string>} call   has the program call a tool, and gives the text of its result
 * @property {() => void} finish   has nothing more to say
 * @property {(error: Error) => void} fail   the program is gone: every waiting call fails
 * @property {() => Promise<void>} close
 */

/**
 * @param {Dialect} dialect
 * @param {string} prefix  of the names under which the program knows the tools of the server
 * @returns {Promise<Model>}
 */
export async function startModel(dialect, prefix) {
  /** @type {((saying: Saying) => void) | undefined} */
  let asked
  /** @type {{ saying: Saying, resolve: (text: string) => void, reject: (error: Error) => void }[]} */
  const calls = []
  /** @type {{ resolve: (text: string) => void, reject: (error: Error) => void } | undefined} */
  let running
  /** @type {PromiseWithResolvers<string[]>} */
  const tools = Promise.withResolvers()
  tools.promise.catch(() => {})
  let ids = 0
  let isFinished = false
  /** @type {Error | undefined} */
  let gone

  /** Says the next thing, if there is one and a question to answer. */
  const go = () => {
    if (!asked) return
    const next = calls.shift()
    if (!next && !isFinished) return
    running = next
    asked(next?.saying ?? { text: 'Done.' })
    asked = undefined
  }

  /** @type {(request: IncomingMessage, response: ServerResponse) => Promise<void>} */
  const take = async (request, response) => {
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) text += chunk
    if (request.method !== 'POST' || !dialect.isQuestion(request)) {
      response.writeHead(404, { 'Content-Type': 'application/json' }).end('{}')
      return
    }
    const body = JSON.parse(text)
    const own = dialect.toolsIn(body).filter((name) => name.startsWith(prefix))
    if (own.length === 0) return dialect.answer(response, body, { text: 'Nothing.' })
    tools.resolve(own.map((name) => name.slice(prefix.length)))
    const result = dialect.resultIn(body, `call-${ids}`)
    if (result !== undefined) running?.resolve(result)
    running = undefined
    asked = (saying) => dialect.answer(response, body, saying)
    go()
  }
  const server = createServer((request, response) => void take(request, response).catch(() => response.destroy()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()

  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    tools: () => tools.promise,
    call: (name, input) =>
      new Promise((resolve, reject) => {
        if (gone) return reject(gone)
        calls.push({ saying: { id: `call-${++ids}`, name: `${prefix}${name}`, input }, resolve, reject })
        go()
      }),
    finish() {
      isFinished = true
      go()
    },
    fail(error) {
      gone = error
      tools.reject(error)
      for (const { reject } of [...(running ? [running] : []), ...calls.splice(0)]) reject(error)
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/**
 * Answers with events of a stream.
 * @param {ServerResponse} response
 * @param {readonly { type?: string }[]} events
 */
export function stream(response, events) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' })
  const named = (/** @type {string | undefined} */ type) => (type === undefined ? '' : `event: ${type}\n`)
  response.end(events.map((event) => `${named(event.type)}data: ${JSON.stringify(event)}\n\n`).join(''))
}

/**
 * The text in the content of a result, whatever its parts.
 * @param {string | readonly { text?: string }[]} content
 * @returns {string}
 */
export const textOf = (content) =>
  typeof content === 'string' ? content : content.map(({ text }) => text ?? '').join('')
