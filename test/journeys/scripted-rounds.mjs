// A stateless server whose every call follows a script that its client sends along: a list of steps, taken one a round.
//
//   { ask, state? }   ends the call with these questions; without state if it is false
//   { again: true }   ends it without questions: call again
//   { type }          ends it with a result of that type
//   { progress }      on any step: these values are told before
//   { dies: true }    on any step: the process exits once it has answered
//   { hangs: true }   never answers
//
// After the last step it tells, as JSON, all that it was answered and by whom it was called.

import { openWire } from '../fixtures/echo/lines.mjs'

const PREFIX = 'io.modelcontextprotocol/'
const text = (/** @type {string} */ said) => ({ type: 'text', text: said })

/** @type {Record<string, (params: any) => { steps: any[], finish: (said: string) => object }>} */
const scripts = {
  'tools/call': ({ arguments: args }) => ({ steps: args?.steps ?? [], finish: (said) => ({ content: [text(said)] }) }),
  'prompts/get': ({ arguments: args }) => ({
    steps: JSON.parse(args?.steps ?? '[]'),
    finish: (said) => ({ messages: [{ role: 'user', content: text(said) }] }),
  }),
  'resources/read': ({ uri }) => ({
    steps: JSON.parse(decodeURIComponent(String(uri).slice('script:'.length))),
    finish: (said) => ({ contents: [{ uri, text: said }] }),
  }),
}

const hello = {
  supportedVersions: ['2026-07-28'],
  capabilities: { tools: {}, prompts: {}, resources: {} },
  ttlMs: 0,
  cacheScope: 'public',
}

/** @param {any} params */
function run(params, method) {
  const { steps, finish } = scripts[method]?.(params) ?? { steps: [], finish: () => ({}) }
  const { at, answers: before } = params.requestState
    ? JSON.parse(params.requestState)
    : { at: params.inputResponses ? 1 : 0, answers: [] }
  const answers = params.inputResponses ? [...before, params.inputResponses] : before
  const step = steps[at]
  if (step?.hangs) return { step, result: undefined }
  if (step?.type) return { step, result: { resultType: step.type } }
  const state = step?.state === false ? undefined : JSON.stringify({ at: at + 1, answers })
  if (step?.ask) return { step, result: { resultType: 'input_required', inputRequests: step.ask, requestState: state } }
  if (step?.again) return { step, result: { resultType: 'input_required', requestState: state } }
  const capabilities = params._meta[`${PREFIX}clientCapabilities`]
  const said = JSON.stringify({ answers, capabilities, pid: process.pid, members: Object.keys(params) })
  return { step, result: { resultType: 'complete', ...finish(said) } }
}

const wire = openWire({
  onMessage({ id, method, params }) {
    if (id === undefined) return
    const send = (/** @type {object} */ message) => wire.send(JSON.stringify({ jsonrpc: '2.0', ...message }))
    if (method === 'server/discover') return send({ id, result: { resultType: 'complete', ...hello } })
    if (!Object.hasOwn(scripts, method)) return send({ id, error: { code: -32601, message: `No method ${method}` } })
    const { step, result } = run(params, method)
    const { progressToken } = params._meta
    if (progressToken !== undefined) {
      for (const progress of step?.progress ?? []) {
        send({ method: 'notifications/progress', params: { progressToken, progress } })
      }
    }
    if (result) send({ id, result })
    if (step?.dies) setImmediate(() => process.exit(0))
  },
  onEnd: () => process.exit(0),
})
