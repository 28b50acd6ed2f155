// The Responses API, as Codex speaks it. It knows the tools of a server as a namespace, and calls one by both names.

import { stream, textOf } from './model.mjs'

/** @typedef {{ type: string, name?: string, tools?: readonly { name: string }[] }} Tool */

const namesOf = (/** @type {Tool} */ { type, name, tools = [] }) =>
  type === 'namespace' ? tools.map((tool) => `${name}${tool.name}`) : name === undefined ? [] : [name]

/** @type {import('./model.mjs').Dialect} */
export const responses = {
  isQuestion: ({ url }) => url === '/responses',
  toolsIn: ({ tools = [] }) => tools.flatMap(namesOf),
  resultIn({ input }, id) {
    const result = input.find((/** @type {any} */ item) => item.type === 'function_call_output' && item.call_id === id)
    // It says first how long the call took.
    return result && textOf(result.output).replace(/^Wall time: .*\nOutput:\n?/, '')
  },
  answer(response, { tools = [] }, saying) {
    const namespace = tools.find((/** @type {Tool} */ { type, name }) => {
      return type === 'namespace' && name !== undefined && 'name' in saying && saying.name.startsWith(name)
    })?.name
    const item =
      'text' in saying
        ? { type: 'message', role: 'assistant', id: 'message', content: [{ type: 'output_text', text: saying.text }] }
        : {
            type: 'function_call',
            call_id: saying.id,
            ...(namespace && { namespace }),
            name: saying.name.slice(namespace?.length ?? 0),
            arguments: JSON.stringify(saying.input),
          }
    const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 }
    stream(response, [
      { type: 'response.created', response: { id: 'response' } },
      { type: 'response.output_item.done', output_index: 0, item },
      { type: 'response.completed', response: { id: 'response', usage } },
    ])
  },
}
