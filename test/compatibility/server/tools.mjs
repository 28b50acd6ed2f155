// The tools that ask nothing: what they are listed as, and what they do. Each is one feature of the protocol.
//
// A tool takes its arguments and the call and gives a text or a result; what differs between the eras is behind `Call`.
// `since` and `until` are the revisions that have the tool: a revision lists only what it can express.

import { image, prompts, resources, values } from './lists.mjs'
import * as notes from './shared-files.mjs'

/**
 * @typedef {object} Call
 * @property {string} version                 the revision that is spoken
 * @property {any} meta
 * @property {string | number} id
 * @property {AbortSignal} signal             aborted once the call is cancelled
 * @property {(params: object) => void} progress   nothing without a token
 * @property {(level: string, data: unknown) => void} log
 * @property {(kind: 'tools' | 'prompts' | 'resources') => void} changed
 * @property {(uri: string) => number} updated
 * @property {() => object} about
 */

/**
 * @typedef {object} Tool
 * @property {string} name
 * @property {object} [more]      of its entry in the list
 * @property {object} [input]     properties of its arguments
 * @property {string} [since]
 * @property {string} [until]
 * @property {(args: any, call: Call) => any} run
 */

export class Refused extends Error {
  constructor(/** @type {number} */ code, /** @type {string} */ message, /** @type {unknown} */ data) {
    super(message)
    this.code = code
    this.data = data
  }
}

export const text = (/** @type {string} */ said) => ({ content: [{ type: 'text', text: said }] })
const string = { type: 'string' }
const list = { type: 'array', items: { type: 'integer' } }
const LOOK_EVERY_MS = 5
const MOST_ADDED = 12
const stateless = '2026-07-28'

/** Adds to a list, and takes from it what was added long before, so that it does not grow without end. */
function addTo(/** @type {any[]} */ all, /** @type {object} */ entry) {
  all.push(entry)
  const isAdded = (/** @type {any} */ { name }) => name.startsWith('added-')
  if (all.filter(isAdded).length > MOST_ADDED) all.splice(all.findIndex(isAdded), 1)
}

/** @type {Tool[]} */
export const tools = [
  { name: 'text', run: () => 'plain ✓ text' },
  { name: 'image', run: () => ({ content: [image] }) },
  {
    name: 'audio',
    run: (_, { version }) =>
      version < '2025-03-26' ? 'a sound' : { content: [{ type: 'audio', data: 'UklGRg==', mimeType: 'audio/wav' }] },
  },
  {
    name: 'link',
    run: (_, { version }) =>
      version < '2025-06-18'
        ? 'see feature://texts/1'
        : { content: [{ type: 'resource_link', uri: 'feature://texts/1', name: 'text 1' }] },
  },
  {
    name: 'embedded',
    run: () => ({ content: [{ type: 'resource', resource: { uri: 'feature://texts/0', text: 'embedded' } }] }),
  },
  { name: 'fails', run: () => ({ ...text('failed, as told'), isError: true }) },
  {
    name: 'refuses',
    run: () => {
      throw new Refused(4711, 'refused, as told', { hint: 'none' })
    },
  },
  {
    name: 'object',
    more: { outputSchema: { type: 'object', properties: { sum: { type: 'integer' } }, required: ['sum'] } },
    run: (_, { version }) =>
      version < '2025-06-18' ? '{"sum":3}' : { ...text('{"sum":3}'), structuredContent: { sum: 3 } },
  },
  {
    name: 'array',
    since: stateless,
    more: { outputSchema: list },
    run: () => ({ ...text('[1,2,3]'), structuredContent: [1, 2, 3] }),
  },
  {
    name: 'string',
    since: stateless,
    more: { outputSchema: { $ref: '#/$defs/word', $defs: { word: string } } },
    run: () => ({ ...text('"word"'), structuredContent: 'word' }),
  },
  { name: 'about', run: (_, call) => JSON.stringify({ version: call.version, meta: call.meta, ...call.about() }) },
  {
    name: 'remember',
    input: { key: string, value: string },
    run: ({ key, value }) => {
      values.set(key, value)
      return 'remembered'
    },
  },
  { name: 'recall', input: { key: string }, run: ({ key }) => values.get(key) ?? '' },
  {
    name: 'steps',
    run: (_, call) => {
      for (const progress of [1, 2, 3]) call.progress({ progress, total: 3, message: `step ${progress}` })
      return 'three steps'
    },
  },
  {
    name: 'logs',
    run: (_, call) => {
      for (const level of ['debug', 'info', 'error']) call.log(level, `a line of ${level}`)
      return 'three lines'
    },
  },
  {
    name: 'wait',
    input: { key: string },
    run: ({ key }, call) =>
      new Promise((resolve) => {
        notes.write('wait', key, 'running')
        const end = (/** @type {string} */ state) => {
          clearInterval(looking)
          notes.write('wait', key, state)
          resolve(`waited for ${key}`)
        }
        const looking = setInterval(() => {
          if (notes.read('wait', key) === 'released') end('finished')
        }, LOOK_EVERY_MS)
        call.signal.addEventListener('abort', () => end('cancelled'))
        call.progress({ progress: 1 })
      }),
  },
  { name: 'waiting', input: { key: string }, run: ({ key }) => notes.read('wait', key) ?? 'unknown' },
  {
    name: 'release',
    input: { key: string },
    run: ({ key }) => {
      notes.write('wait', key, 'released')
      return 'released'
    },
  },
  {
    name: 'change',
    input: { kind: { enum: ['tools', 'prompts', 'resources'] }, name: string },
    run: ({ kind, name }, call) => {
      if (kind === 'tools') addTo(tools, { name, run: () => name })
      if (kind === 'prompts') addTo(prompts, { name, description: 'Added.' })
      if (kind === 'resources') addTo(resources, { uri: `feature://added/${name}`, name, mimeType: 'text/plain' })
      call.changed(kind)
      return 'changed'
    },
  },
  { name: 'update', input: { uri: string }, run: ({ uri }, call) => `told ${call.updated(uri)}` },
  {
    name: 'region',
    input: { region: { ...string, 'x-mcp-header': 'Region' } },
    run: ({ region }) => `region ${region}`,
  },
  { name: 'view', more: { _meta: { ui: { resourceUri: 'ui://feature/view' } } }, run: () => 'viewed' },
]

/** The entry of a tool in the list. */
export function listed(/** @type {Tool} */ { name, input = {}, more = {} }) {
  return { name, description: `The tool ${name}.`, inputSchema: { type: 'object', properties: input }, ...more }
}

/** Whether a revision has the tool. */
export const isIn = (/** @type {Tool} */ { since = '', until = '9' }, /** @type {string} */ version) =>
  version >= since && version < until
