// The session-based era: a handshake, requests to the client during a call, subscriptions by request, tasks of 2025-11-25.
//
// Promises: sends nothing that the agreed revision does not have, and only input requests that the client declared, except
// for one tool that tests that.

import { createCalls, toolNamed } from './calls.mjs'
import { createOldJobs, jobTools } from './tasks.mjs'
import { complete, page, prompt, prompts, read, resources, templates } from './lists.mjs'
import * as notes from './shared-files.mjs'
import { conversations, lacking, url } from './input-requests.mjs'
import { isIn, listed, Refused, text, tools } from './tools.mjs'

const VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']
const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']
const TAKEN_BACK_AFTER_MS = 60

/** @param {{ send: (message: object) => void, raw: (text: string) => void, hasTasks?: boolean }} wire */
export function createOldFace({ send, raw, hasTasks = true }) {
  let version = VERSIONS[0] ?? ''
  let level = 'debug'
  let asked = 0
  let rootsChanged = 0
  /** @type {any} */
  let client = {}
  /** @type {Set<string>} */
  const subscribed = new Set()
  /** @type {Map<string, { resolve: (result: any) => void, reject: (error: Error) => void }>} */
  const questions = new Map()
  const calls = createCalls()
  const notify = (/** @type {string} */ method, /** @type {object} */ params = {}) => send({ method, params })
  const jobs = createOldJobs()

  const ask = (/** @type {{ method: string, params: object }} */ { method, params }, id = `q${++asked}`) => {
    send({ id, method, params })
    return new Promise((resolve, reject) => questions.set(id, { resolve, reject }))
  }

  /** Throws unless the client has declared what a round of questions needs. */
  const demand = (/** @type {import('./input-requests.mjs').Round} */ round) => {
    const missing = lacking(round, client.capabilities)
    if (missing) throw new Error(`The client does not support ${JSON.stringify(missing)}`)
  }

  async function converse(/** @type {string} */ what) {
    /** @type {Record<string, unknown>} */
    const answers = {}
    for (const round of conversations[what] ?? []) {
      demand(round)
      const given = Object.entries(round).map(async ([key, question]) => [key, await ask(question)])
      Object.assign(answers, Object.fromEntries(await Promise.all(given)))
    }
    return JSON.stringify(answers)
  }

  /** @type {import('./tools.mjs').Tool[]} */
  const own = [
    { name: 'ask', input: { what: { type: 'string' } }, run: ({ what }) => converse(what) },
    {
      name: 'ask-anyway',
      run: async () => JSON.stringify(await ask(Object.values(conversations['form']?.[0] ?? {})[0] ?? missingQuestion)),
    },
    {
      name: 'sign-in',
      input: { key: { type: 'string' } },
      run: ({ key }) => {
        demand({ page: { method: 'elicitation/create', params: url(key) } })
        if (notes.read('sign-in', key) !== undefined) return `signed in for ${key}`
        notes.write('sign-in', key, 'asked for')
        throw new Refused(-32042, 'Please sign in first.', { elicitations: [url(key)] })
      },
    },
    {
      name: 'open-page',
      run: async () => {
        const signing = { method: 'elicitation/create', params: url('e2') }
        demand({ signing })
        const answer = await ask(signing)
        notify('notifications/elicitation/complete', { elicitationId: 'e2' })
        return JSON.stringify(answer)
      },
    },
    {
      name: 'take-back',
      run: async () => {
        const { who = missingQuestion } = conversations['form']?.[0] ?? {}
        demand({ who })
        const id = `q${++asked}`
        // Whatever is answered, and whether it is refused, no longer matters.
        ask(who, id).catch(() => {})
        await new Promise((resolve) => setTimeout(resolve, TAKEN_BACK_AFTER_MS))
        questions.delete(id)
        notify('notifications/cancelled', { requestId: id, reason: 'no longer needed' })
        return 'took the question back'
      },
    },
  ]
  const all = () => [...tools, ...own, ...(hasTasks ? jobTools : callableJobs)].filter((tool) => isIn(tool, version))

  const shared = {
    log: (/** @type {string} */ at, /** @type {unknown} */ data) => {
      if (LEVELS.indexOf(at) >= LEVELS.indexOf(level)) notify('notifications/message', { level: at, data })
    },
    changed: (/** @type {string} */ kind) => notify(`notifications/${kind}/list_changed`),
    updated: (/** @type {string} */ uri) => {
      if (!subscribed.has(uri)) return 0
      notify('notifications/resources/updated', { uri })
      return 1
    },
    about: () => ({ client, level, rootsChanged }),
  }

  const callOf = (/** @type {any} */ { id, params }, /** @type {AbortSignal} */ signal) => ({
    version,
    id,
    signal,
    meta: params._meta ?? {},
    progress: (/** @type {object} */ told) => {
      const progressToken = params._meta?.progressToken
      if (progressToken !== undefined) notify('notifications/progress', { progressToken, ...told })
    },
    ...shared,
  })

  const found = (/** @type {any} */ result, /** @type {Refused} */ refusal) => {
    if (result === undefined) throw refusal
    return result
  }
  const list = (/** @type {string} */ key, /** @type {any[]} */ items, /** @type {any} */ params) => {
    const one = found(page(items, params?.cursor), new Refused(-32602, 'Unknown cursor'))
    return { [key]: one.items, ...(one.nextCursor !== undefined && { nextCursor: one.nextCursor }) }
  }

  /** @type {Record<string, (params: any, message: any, signal: AbortSignal) => any>} */
  const methods = {
    initialize(params) {
      client = params
      version = VERSIONS.includes(params.protocolVersion) ? params.protocolVersion : (VERSIONS[0] ?? '')
      return {
        protocolVersion: version,
        capabilities: {
          tools: { listChanged: true },
          prompts: { listChanged: true },
          resources: { listChanged: true, subscribe: true },
          logging: {},
          completions: {},
          extensions: { 'com.example/hello': {}, 'io.modelcontextprotocol/ui': {} },
          ...(hasTasks &&
            version >= '2025-11-25' && { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } }),
        },
        serverInfo: { name: 'features', version: '1.0.0' },
        instructions: 'Call text.',
      }
    },
    ping: () => ({}),
    'tools/list': (params) => list('tools', all().map(listed), params),
    'resources/list': (params) => list('resources', resources, params),
    'resources/templates/list': (params) => list('resourceTemplates', templates, params),
    'prompts/list': (params) => list('prompts', prompts, params),
    'resources/read': ({ uri }) => found(read(uri), new Refused(-32002, 'Resource not found', { uri })),
    'resources/subscribe': ({ uri }) => (subscribed.add(uri), {}),
    'resources/unsubscribe': ({ uri }) => (subscribed.delete(uri), {}),
    async 'prompts/get'({ name, arguments: args = {} }) {
      if (name === 'asks') return { messages: [{ role: 'user', content: text(await converse('form')).content[0] }] }
      return found(prompt(name, args), new Refused(-32602, `Unknown prompt: ${name}`))
    },
    'completion/complete': complete,
    'logging/setLevel': (params) => ((level = params.level), {}),
    'com.example/hello': ({ name }) => ({ greeting: `Hello, ${name}.` }),
    'tools/call'(params, message, signal) {
      if (params.name === 'exact') return raw(exactResult(message.id))
      const job = hasTasks ? jobs.begin(params) : undefined
      if (job !== undefined) return job
      return toolNamed(params.name, version, all()).run(params.arguments ?? {}, callOf(message, signal))
    },
    ...(hasTasks && jobs.methods),
  }

  return {
    methods: Object.keys(methods),
    take(/** @type {any} */ message) {
      const { id, method, params, result, error } = message
      if (method === undefined) {
        const waiting = questions.get(id)
        questions.delete(id)
        if (error === undefined) waiting?.resolve(result)
        else waiting?.reject(new Error(`the client says ${error.code} ${error.message}`))
      } else if (id === undefined) {
        if (method === 'notifications/cancelled') calls.cancel(params.requestId)
        if (method === 'notifications/roots/list_changed') rootsChanged += 1
      } else if (Object.hasOwn(methods, method)) {
        const answer = (/** @type {any} */ given) => send({ id, result: given })
        const work = (/** @type {AbortSignal} */ signal) => methods[method]?.(params ?? {}, message, signal)
        if (method === 'tools/call' && params.name === 'exact') work(new AbortController().signal)
        else void calls.run(id, work, answer, (refused) => send({ id, error: refused }))
      } else send({ id, error: { code: -32601, message: `Method not found: ${method}` } })
    },
  }
}

const callableJobs = jobTools.filter(({ name }) => name === 'job')
const missingQuestion = { method: 'elicitation/create', params: {} }

/** A result with a number that no double can hold, and an unknown member. */
export const exactResult = (/** @type {string | number} */ id, more = '') =>
  `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"content":[{"type":"text","text":"exact"}],` +
  `"_meta":{"com.example/big":12345678901234567890,"com.example/kept":{"a":[1,null]}}${more}}}`
