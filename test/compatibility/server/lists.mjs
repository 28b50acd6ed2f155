// What the server lists and reads: resources, templates, prompts, completion. Lists grow when a tool says so.
//
// Promises: pages of ten, by cursors that only this process understands; nothing here knows an era.

import { randomUUID } from 'node:crypto'

const PAGE = 10
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGO44OAAAAM0AVHGS56XAAAAAElFTkSuQmCC'

const issuer = randomUUID()

/** @type {Map<string, string>} what `remember` keeps */
export const values = new Map()

const texts = Array.from({ length: 12 }, (_, index) => ({
  uri: `feature://texts/${index}`,
  name: `text ${index}`,
  mimeType: 'text/plain',
}))

export const resources = [
  ...texts,
  { uri: 'feature://picture', name: 'picture', mimeType: 'image/png' },
  {
    uri: 'ui://feature/view',
    name: 'view',
    mimeType: 'text/html;profile=mcp-app',
    _meta: { ui: { prefersBorder: true } },
  },
]

const kinds = ['values', ...Array.from({ length: 11 }, (_, index) => `kind-${index}`)]

export const templates = kinds.map((name) => ({
  uriTemplate: `feature://${name}/{key}`,
  name,
  mimeType: 'text/plain',
}))

export const prompts = [
  { name: 'greet', description: 'Greets somebody.', arguments: [{ name: 'name', required: true }, { name: 'tone' }] },
  { name: 'picture', description: 'A prompt with a picture and a resource in it.' },
  { name: 'asks', description: 'A prompt that asks first.' },
  ...Array.from({ length: 9 }, (_, index) => ({ name: `plain-${index}`, description: 'A prompt of one word.' })),
]

/** @param {string} uri */
export function read(uri) {
  const of = (/** @type {object} */ contents) => ({ contents: [{ uri, ...contents }] })
  if (uri === 'feature://picture') return of({ mimeType: 'image/png', blob: PNG })
  if (uri === 'ui://feature/view') return of({ mimeType: 'text/html;profile=mcp-app', text: '<p>view</p>' })
  if (texts.some((one) => one.uri === uri)) return of({ mimeType: 'text/plain', text: `the text of ${uri}` })
  const [, name, key] = /^feature:\/\/(values|kind-\d+)\/(.+)$/.exec(uri) ?? []
  return name === undefined ? undefined : of({ mimeType: 'text/plain', text: `${name}: ${key}` })
}

export const image = { type: 'image', data: PNG, mimeType: 'image/png' }

const user = (/** @type {object} */ content) => ({ role: 'user', content })

/**
 * The prompt, or undefined if there is none. The one that asks is asked elsewhere.
 * @param {string} name
 * @param {Record<string, string>} args
 */
export function prompt(name, args) {
  if (name === 'greet') return { messages: [user({ type: 'text', text: `Greet ${args['name']}.` })] }
  if (name === 'picture') {
    const resource = { uri: 'feature://texts/0', mimeType: 'text/plain', text: 'embedded' }
    return { messages: [user(image), user({ type: 'resource', resource })] }
  }
  return prompts.some((one) => one.name === name) ? { messages: [user({ type: 'text', text: name })] } : undefined
}

/** @param {any} params */
export function complete({ ref, argument, context }) {
  const of = (/** @type {string[]} */ all) => {
    const fit = all.filter((one) => one.startsWith(argument.value))
    return { completion: { values: fit, total: fit.length, hasMore: false } }
  }
  if (ref.type === 'ref/resource') return of(['alpha', 'beta'])
  if (argument.name === 'tone') return of([`kind to ${context?.arguments?.name ?? 'nobody'}`])
  return of(['Ada', 'Alan', 'Grace'])
}

/**
 * One page, or undefined for a cursor that this list did not give.
 * @template T
 * @param {T[]} all
 * @param {unknown} cursor
 */
export function page(all, cursor) {
  const [by, at] = typeof cursor === 'string' ? cursor.split('/') : [issuer, '0']
  if (by !== issuer || !/^\d+$/.test(at ?? '')) return undefined
  const start = Number(at)
  const items = all.slice(start, start + PAGE)
  return start + PAGE < all.length ? { items, nextCursor: `${issuer}/${start + PAGE}` } : { items }
}
