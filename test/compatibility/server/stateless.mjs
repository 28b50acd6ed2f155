// The stateless era: metadata with every request, questions as results, changes for clients that listen, tasks as an extension.
//
// Promises: asks only what the request declared; refuses a request without metadata with the version to use.

import { createCalls, toolNamed } from './calls.mjs'
import { createNewJobs, jobTools } from './tasks.mjs'
import { complete, page, prompt, prompts, read, resources, templates } from './lists.mjs'
import { exactResult } from './session-based.mjs'
import { conversations, lacking } from './input-requests.mjs'
import { isIn, listed, Refused, text, tools } from './tools.mjs'

const VERSION = '2026-07-28'
const PREFIX = 'io.modelcontextprotocol/'
const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']

const identity = { [`${PREFIX}serverInfo`]: { name: 'features', version: '1.0.0' } }
const listHint = { ttlMs: 60_000, cacheScope: 'public' }

/** @param {{ send: (message: object) => void, raw: (text: string) => void }} wire */
export function createNewFace({ send, raw }) {
  /** @type {Map<string | number, any>} what each open `subscriptions/listen` asked for */
  const listeners = new Map()
  const calls = createCalls()
  const jobs = createNewJobs()
  const notify = (/** @type {string} */ method, /** @type {object} */ params) => send({ method, params })

  function publish(
    /** @type {string} */ method,
    /** @type {object} */ params,
    /** @type {(filter: any) => boolean} */ wants,
  ) {
    const told = [...listeners].filter(([, filter]) => wants(filter))
    for (const [id] of told) notify(method, { ...params, _meta: { [`${PREFIX}subscriptionId`]: id } })
    return told.length
  }

  const shared = {
    changed: (/** @type {string} */ kind) =>
      publish(`notifications/${kind}/list_changed`, {}, (filter) => filter[`${kind}ListChanged`] === true),
    updated: (/** @type {string} */ uri) =>
      publish('notifications/resources/updated', { uri }, (filter) => filter.resourceSubscriptions?.includes(uri)),
  }

  const callOf = (/** @type {any} */ { id, params }, /** @type {AbortSignal} */ signal) => {
    const meta = params._meta
    const level = meta[`${PREFIX}logLevel`]
    return {
      version: VERSION,
      id,
      signal,
      meta,
      progress: (/** @type {object} */ told) => {
        const { progressToken } = meta
        if (progressToken !== undefined) notify('notifications/progress', { progressToken, ...told })
      },
      log: (/** @type {string} */ at, /** @type {unknown} */ data) => {
        if (level !== undefined && LEVELS.indexOf(at) >= LEVELS.indexOf(level)) {
          notify('notifications/message', { level: at, data })
        }
      },
      about: () => ({
        client: {
          protocolVersion: meta[`${PREFIX}protocolVersion`],
          capabilities: meta[`${PREFIX}clientCapabilities`],
          clientInfo: meta[`${PREFIX}clientInfo`],
        },
        level,
      }),
      ...shared,
    }
  }

  /** The next questions, or what was answered to all of them. */
  function converse(/** @type {string} */ what, /** @type {any} */ params) {
    const rounds = conversations[what] ?? []
    const state = params.requestState === undefined ? { round: 0, answers: {} } : unseal(params.requestState)
    const asked = rounds[state.round] ?? {}
    const given = params.inputResponses ?? {}
    const isAnswered = params.requestState !== undefined && Object.keys(asked).every((key) => given[key] !== undefined)
    const next = isAnswered ? { round: state.round + 1, answers: { ...state.answers, ...given } } : state
    const round = rounds[next.round]
    if (round === undefined) return { answers: next.answers }
    const requiredCapabilities = lacking(round, params._meta[`${PREFIX}clientCapabilities`])
    if (requiredCapabilities) throw new Refused(-32021, 'The client lacks a capability', { requiredCapabilities })
    const inputRequests = Object.fromEntries(Object.entries(round).map(([key, question]) => [key, bare(question)]))
    return { required: { resultType: 'input_required', inputRequests, requestState: seal(next) } }
  }

  const found = (/** @type {any} */ result, /** @type {Refused} */ refusal) => {
    if (result === undefined) throw refusal
    return result
  }
  const list = (/** @type {string} */ key, /** @type {any[]} */ items, /** @type {any} */ params) => {
    const one = found(page(items, params.cursor), new Refused(-32602, 'Unknown cursor'))
    return { [key]: one.items, ...(one.nextCursor !== undefined && { nextCursor: one.nextCursor }), ...listHint }
  }
  const all = () => [...tools, { name: 'ask', input: { what: { type: 'string' } }, run: () => '' }, ...jobTools]
  const lists = () =>
    all()
      .filter((tool) => isIn(tool, VERSION))
      .map(listed)

  /** @type {Record<string, (params: any, message: any, signal: AbortSignal) => any>} */
  const methods = {
    'server/discover': () => ({
      supportedVersions: [VERSION],
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        logging: {},
        completions: {},
        extensions: { 'com.example/hello': {}, 'io.modelcontextprotocol/ui': {}, 'io.modelcontextprotocol/tasks': {} },
      },
      instructions: 'Call text.',
      ...listHint,
    }),
    'tools/list': (params) => list('tools', lists(), params),
    'resources/list': (params) => list('resources', resources, params),
    'resources/templates/list': (params) => list('resourceTemplates', templates, params),
    'prompts/list': (params) => list('prompts', prompts, params),
    'resources/read': ({ uri }) => ({
      ...found(read(uri), new Refused(-32602, 'Resource not found', { uri })),
      ttlMs: 1000,
      cacheScope: 'private',
    }),
    'prompts/get'(params) {
      const { name, arguments: args = {} } = params
      if (name !== 'asks') return found(prompt(name, args), new Refused(-32602, `Unknown prompt: ${name}`))
      const { required, answers } = converse('form', params)
      return required ?? { messages: [{ role: 'user', content: text(JSON.stringify(answers)).content[0] }] }
    },
    'completion/complete': complete,
    'com.example/hello': ({ name }) => ({ greeting: `Hello, ${name}.` }),
    'tools/call'(params, message, signal) {
      if (params.name === 'ask') {
        const { required, answers } = converse(params.arguments.what, params)
        return required ?? JSON.stringify(answers)
      }
      return (
        jobs.begin(params) ??
        toolNamed(params.name, VERSION, all()).run(params.arguments ?? {}, callOf(message, signal))
      )
    },
    ...jobs.methods,
  }

  function listen(/** @type {string | number} */ id, /** @type {any} */ filter = {}) {
    listeners.set(id, filter)
    notify('notifications/subscriptions/acknowledged', {
      notifications: filter,
      _meta: { [`${PREFIX}subscriptionId`]: id },
    })
  }

  function whyNot(/** @type {any} */ params, /** @type {string} */ method) {
    const requested = params?._meta?.[`${PREFIX}protocolVersion`]
    if (requested !== VERSION && (requested !== undefined || method === 'initialize')) {
      return {
        code: -32022,
        message: 'Unsupported protocol version',
        data: { supported: [VERSION], requested: requested ?? '' },
      }
    }
    if (typeof params?._meta?.[`${PREFIX}clientCapabilities`] !== 'object') {
      return { code: -32602, message: 'Missing metadata' }
    }
    return Object.hasOwn(methods, method) || method === 'subscriptions/listen'
      ? undefined
      : { code: -32601, message: `Method not found: ${method}` }
  }

  return {
    take(/** @type {any} */ { id, method, params }) {
      if (id === undefined) {
        if (method === 'notifications/cancelled' && !listeners.delete(params.requestId)) calls.cancel(params.requestId)
        return
      }
      const error = whyNot(params, method)
      if (error) send({ id, error })
      else if (method === 'subscriptions/listen') listen(id, params.notifications)
      else if (method === 'tools/call' && params.name === 'exact') raw(exactResult(id, ',"resultType":"complete"'))
      else {
        const answer = (/** @type {any} */ given) =>
          send({ id, result: { resultType: 'complete', ...given, _meta: { ...given._meta, ...identity } } })
        const work = (/** @type {AbortSignal} */ signal) => methods[method]?.(params, { id, params }, signal)
        void calls.run(id, work, answer, (refused) => send({ id, error: refused }))
      }
    },
  }
}

/** Without what only session-based revisions name. */
function bare(/** @type {{ method: string, params: any }} */ { method, params }) {
  const { elicitationId: _, ...rest } = params
  return { method, params: rest }
}

const seal = (/** @type {object} */ state) => Buffer.from(JSON.stringify(state)).toString('base64')
const unseal = (/** @type {string} */ state) => JSON.parse(Buffer.from(state, 'base64').toString())
