// A model that says what it is told: as much of the Messages API as a program needs that calls tools for it.
//
// Promises: listens on loopback, on a free port; each question of the conversation waits until there is something to say.

import { once } from 'node:events'
import { createServer } from 'node:http'

/**
 * @typedef {{ type: 'text', text: string } | { type: 'tool_use', id: string, name: string, input: object }} Block
 * @typedef {object} Model
 * @property {string} url
 * @property {(name: string, args: object) => Promise<string>} call   has the program call a tool, and gives the text of its result
 * @property {() => void} finish   has nothing more to say
 * @property {(error: Error) => void} fail   the program is gone: whoever waits for it waits in vain
 * @property {() => Promise<void>} close
 */

/**
 * @param {string} prefix  of the names under which the program knows the tools of the server
 * @returns {Promise<Model>}
 */
export async function startModel(prefix) {
  /** @type {((block: Block) => void) | undefined} */
  let asked
  /** @type {{ block: Block, resolve: (text: string) => void, reject: (error: Error) => void }[]} */
  const calls = []
  /** @type {{ resolve: (text: string) => void, reject: (error: Error) => void } | undefined} */
  let running
  let ids = 0
  let isFinished = false
  /** @type {Error | undefined} */
  let gone

  /** Says the next thing, if there is one and somebody who listens. */
  const go = () => {
    if (!asked) return
    const next = calls.shift()
    if (!next && !isFinished) return
    running = next
    asked(next?.block ?? { type: 'text', text: 'Done.' })
    asked = undefined
  }

  /** @type {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => Promise<void>} */
  const take = async (request, response) => {
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    if (request.method !== 'POST' || !request.url?.startsWith('/v1/messages?')) {
      response.writeHead(404, { 'Content-Type': 'application/json' }).end('{}')
      return
    }
    const { model, stream, tools = [], messages } = JSON.parse(body)
    const isConversation = tools.some((/** @type {{ name: string }} */ { name }) => name.startsWith(prefix))
    if (!isConversation) return answer(response, model, stream, { type: 'text', text: 'Nothing.' })
    const result = resultIn(messages, `call-${ids}`)
    if (result !== undefined) running?.resolve(result)
    running = undefined
    asked = (block) => answer(response, model, stream, block)
    go()
  }
  const server = createServer((request, response) => void take(request, response).catch(() => response.destroy()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()

  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    call: (name, input) =>
      new Promise((resolve, reject) => {
        if (gone) return reject(gone)
        const block = { type: /** @type {const} */ ('tool_use'), id: `call-${++ids}`, name: `${prefix}${name}`, input }
        calls.push({ block, resolve, reject })
        go()
      }),
    finish() {
      isFinished = true
      go()
    },
    fail(error) {
      gone = error
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
 * The text of a tool's result in a conversation.
 * @param {{ content: string | any[] }[]} messages
 * @param {string} id  of the call
 */
function resultIn(messages, id) {
  const blocks = messages.flatMap(({ content }) => (Array.isArray(content) ? content : []))
  const result = blocks.find(({ type, tool_use_id: of }) => type === 'tool_result' && of === id)
  if (!result) return undefined
  const { content } = result
  return typeof content === 'string' ? content : content.map((/** @type {any} */ { text }) => text ?? '').join('')
}

/**
 * Answers one request, whole or as the events of a stream.
 * @param {import('node:http').ServerResponse} response
 * @param {string} model
 * @param {boolean} isStream
 * @param {Block} block
 */
function answer(response, model, isStream, block) {
  const usage = { input_tokens: 1, output_tokens: 1 }
  const message = { id: 'message', type: 'message', role: 'assistant', model, stop_sequence: null, usage }
  const stop = { stop_reason: block.type === 'tool_use' ? 'tool_use' : 'end_turn', stop_sequence: null }
  if (!isStream) {
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify({ ...message, content: [block], ...stop }))
    return
  }
  const [begun, delta] =
    block.type === 'text'
      ? [
          { ...block, text: '' },
          { type: 'text_delta', text: block.text },
        ]
      : [
          { ...block, input: {} },
          { type: 'input_json_delta', partial_json: JSON.stringify(block.input) },
        ]
  const events = [
    { type: 'message_start', message: { ...message, content: [], stop_reason: null } },
    { type: 'content_block_start', index: 0, content_block: begun },
    { type: 'content_block_delta', index: 0, delta },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: stop, usage },
    { type: 'message_stop' },
  ]
  response.writeHead(200, { 'Content-Type': 'text/event-stream' })
  response.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''))
}
