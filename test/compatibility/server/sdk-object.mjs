// The session-based server as an object of an official SDK: whatever comes and goes passes through the SDK.
//
// Promises: the answers of session-based.mjs, as far as the SDK lets them through.

import { AsyncLocalStorage } from 'node:async_hooks'
import { createOldFace } from './session-based.mjs'

export const info = { name: 'features', version: '1.0.0' }

export const options = {
  instructions: 'Call text.',
  capabilities: {
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: { listChanged: true, subscribe: true },
    logging: {},
    completions: {},
    extensions: { 'com.example/hello': {}, 'io.modelcontextprotocol/ui': {} },
  },
}

/**
 * @typedef {object} Context   of a request, as the SDK has it
 * @property {AbortSignal} signal
 * @property {(message: { method: string, params: object }) => Promise<unknown>} notify
 * @property {(message: { method: string, params: object }, options: { signal: AbortSignal }) => Promise<unknown>} request
 */

/**
 * @typedef {object} Sdk
 * @property {(method: string, handler: (params: any, context: Context) => Promise<any>) => void} on
 * @property {(method: string, handler: () => void) => void} onNotification
 * @property {(message: { method: string, params: object }) => Promise<unknown>} notify   outside of requests
 * @property {() => { version: string, capabilities: object, info: object }} client
 */

/** @param {Sdk} sdk @param {boolean} hasTasks whether the SDK has the tasks of 2025-11-25 */
export function addFeatures(sdk, hasTasks) {
  /** @type {AsyncLocalStorage<Context>} */
  const current = new AsyncLocalStorage()
  /** @type {Map<string | number, (message: any) => void>} */
  const answers = new Map()
  /** @type {Map<string | number, AbortController>} */
  const questions = new Map()
  let ids = 0
  let isKnown = false

  const answered = (/** @type {any} */ message) => {
    answers.get(message.id)?.(message)
    answers.delete(message.id)
  }

  const ask = (/** @type {any} */ { id, method, params }) => {
    const context = current.getStore()
    const abort = new AbortController()
    questions.set(id, abort)
    const asked = context?.request({ method, params }, { signal: abort.signal })
    asked?.then(
      (result) => face.take({ id, result }),
      (error) => face.take({ id, error: { code: error.code, message: error.message } }),
    )
    asked?.finally(() => questions.delete(id)).catch(() => {})
  }

  const face = createOldFace({
    hasTasks,
    raw: (text) => answered(JSON.parse(text)),
    send(/** @type {any} */ message) {
      const { id, method, params } = message
      if (method === undefined) answered(message)
      else if (id !== undefined) ask(message)
      else if (method === 'notifications/cancelled') questions.get(params.requestId)?.abort(params.reason)
      else void (current.getStore() ?? sdk).notify({ method, params }).catch(() => {})
    },
  })

  const take = (/** @type {string} */ method, /** @type {any} */ params, /** @type {Context} */ context) =>
    new Promise((resolve, reject) => {
      const id = ++ids
      answers.set(id, ({ result, error }) => {
        if (error) reject(Object.assign(new Error(error.message), error))
        else resolve(result)
      })
      context.signal.addEventListener('abort', () =>
        face.take({ method: 'notifications/cancelled', params: { requestId: id } }),
      )
      current.run(context, () => face.take({ id, method, params }))
    })

  const introduce = (/** @type {Context} */ context) => {
    if (isKnown) return
    isKnown = true
    const { version, capabilities, info: clientInfo } = sdk.client()
    void take('initialize', { protocolVersion: version, capabilities, clientInfo }, context)
  }

  for (const method of face.methods) {
    if (method === 'initialize' || method === 'ping') continue
    sdk.on(method, (params, context) => {
      introduce(context)
      return take(method, params, context)
    })
  }
  const rootsChanged = 'notifications/roots/list_changed'
  sdk.onNotification(rootsChanged, () => face.take({ method: rootsChanged }))
}
