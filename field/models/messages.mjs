// The Messages API, as Claude Code speaks it.

import { stream, textOf } from './model.mjs'

/** @type {import('./model.mjs').Dialect} */
export const messages = {
  isQuestion: ({ url }) => url?.startsWith('/v1/messages?') === true,
  toolsIn: ({ tools = [] }) => tools.map((/** @type {{ name: string }} */ { name }) => name),
  resultIn({ messages: said }, id) {
    const blocks = said.flatMap((/** @type {any} */ { content }) => (Array.isArray(content) ? content : []))
    const result = blocks.find((/** @type {any} */ block) => block.type === 'tool_result' && block.tool_use_id === id)
    return result && textOf(result.content)
  },
  answer(response, { model, stream: isStream }, saying) {
    const block = 'text' in saying ? { type: 'text', ...saying } : { type: 'tool_use', ...saying }
    const usage = { input_tokens: 1, output_tokens: 1 }
    const message = { id: 'message', type: 'message', role: 'assistant', model, stop_sequence: null, usage }
    const stop = { stop_reason: 'text' in saying ? 'end_turn' : 'tool_use', stop_sequence: null }
    if (!isStream) {
      response.writeHead(200, { 'Content-Type': 'application/json' })
      response.end(JSON.stringify({ ...message, content: [block], ...stop }))
      return
    }
    const [begun, delta] =
      'text' in saying
        ? [
            { ...block, text: '' },
            { type: 'text_delta', text: saying.text },
          ]
        : [
            { ...block, input: {} },
            { type: 'input_json_delta', partial_json: JSON.stringify(saying.input) },
          ]
    const events = [
      { type: 'message_start', message: { ...message, content: [], stop_reason: null } },
      { type: 'content_block_start', index: 0, content_block: begun },
      { type: 'content_block_delta', index: 0, delta },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: stop, usage },
      { type: 'message_stop' },
    ]
    stream(response, events)
  },
}
