// Calls in flight: found by their id to be cancelled, answered once unless they were, refused by a code of their own.

import { isIn, Refused, text } from './tools.mjs'

const INVALID_PARAMS = -32602

export function createCalls() {
  /** @type {Map<string | number, AbortController>} */
  const running = new Map()

  return {
    cancel: (/** @type {string | number} */ id) => running.get(id)?.abort(),

    /**
     * Runs something under the id of a request and says what came of it, unless it was cancelled.
     * @param {string | number} id
     * @param {(signal: AbortSignal) => any} work
     * @param {(result: any) => void} answer
     * @param {(error: { code: number, message: string, data?: unknown }) => void} fail
     */
    async run(id, work, answer, fail) {
      const abort = new AbortController()
      running.set(id, abort)
      try {
        const given = await work(abort.signal)
        if (!abort.signal.aborted) answer(typeof given === 'object' ? given : text(String(given)))
      } catch (error) {
        if (!(error instanceof Refused)) answer({ ...text(String(error)), isError: true })
        else fail({ code: error.code, message: error.message, ...(error.data !== undefined && { data: error.data }) })
      } finally {
        running.delete(id)
      }
    },
  }
}

/** The tool by that name, for a client of that revision. Throws `Refused`. */
export function toolNamed(
  /** @type {string} */ name,
  /** @type {string} */ version,
  /** @type {readonly import('./tools.mjs').Tool[]} */ all,
) {
  const found = all.find((tool) => tool.name === name && isIn(tool, version))
  if (!found) throw new Refused(INVALID_PARAMS, `Unknown tool: ${name}`)
  return found
}
