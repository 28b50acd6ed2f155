/** What every client here answers to a question, and what a client of each revision can say that it can. */
import type { JsonMap } from '../support/rpc.ts'

export const roots: readonly JsonMap[] = [{ uri: 'file:///home/ada', name: 'ada' }]

/** The answer to a question: always the same one. Throws for what is no question. */
export function answerTo(method: string, params: JsonMap): JsonMap {
  switch (method) {
    case 'ping':
      return {}
    case 'roots/list':
      return { roots }
    case 'sampling/createMessage':
      return sampled(params)
    case 'elicitation/create':
      return elicited(params)
    default:
      throw new Error(`no server asks ${method}`)
  }
}

function sampled(params: JsonMap): JsonMap {
  const common = { role: 'assistant', model: 'a model' }
  if (params['tools'] === undefined) return { ...common, content: { type: 'text', text: 'Paris' } }
  const use = { type: 'tool_use', id: 'use-1', name: 'weather', input: { city: 'Paris' } }
  return { ...common, content: [use], stopReason: 'toolUse' }
}

function elicited(params: JsonMap): JsonMap {
  if (params['mode'] === 'url') return { action: 'accept' }
  if (String(params['message']).includes('decline')) return { action: 'decline' }
  const { properties = {} } = params['requestedSchema'] as { properties?: JsonMap }
  return { action: 'accept', content: Object.fromEntries(Object.keys(properties).map((name) => [name, 'Ada'])) }
}

const ui = { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html;profile=mcp-app'] } }

/** Everything that a client of a revision can declare. */
export function capabilitiesOf(version: string): JsonMap {
  if (version === '2026-07-28') {
    return {
      roots: {},
      sampling: { tools: {} },
      elicitation: { form: {}, url: {} },
      extensions: { ...ui, 'com.example/hello': {}, 'io.modelcontextprotocol/tasks': {} },
    }
  }
  const always = { roots: { listChanged: true }, sampling: {} }
  if (version < '2025-06-18') return always
  if (version < '2025-11-25') return { ...always, elicitation: {} }
  return {
    ...always,
    sampling: { tools: {} },
    elicitation: { form: {}, url: {} },
    extensions: { ...ui, 'com.example/hello': {} },
  }
}
