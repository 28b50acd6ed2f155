/** The member that a request is for, by the name, URI or id of a task in its params. Pure. */
import { objectMember, replaceMember } from '../protocol/json-edit.ts'
import { isObject, type RawObject } from '../protocol/json-text.ts'
import { knownMethod, taskFollowUps, unknownName } from '../protocol/methods.ts'
import { Refusal } from '../base/refusal.ts'
import type { Naming } from './naming.ts'

/**
 * What is of no member by its name or URI. A tool or resource may be meant by an App; a method that names nothing may be
 * one of an extension.
 */
export interface UnknownTarget {
  readonly unknown: { readonly kind: 'tool' | 'resource' | 'method'; readonly shown: string }
  readonly refusal: Refusal
}

/** Where a request goes, and with which params. */
export interface Target {
  readonly member: string
  readonly params: RawObject | undefined
  /** The resource that it names, or the template of one: as the member has it, and as clients see it. */
  readonly uri?: { readonly own: string; readonly shown: string }
  /** The tool or prompt that it names, as the member has it. */
  readonly named?: {
    readonly list: 'tools/list' | 'prompts/list'
    readonly own: string
    readonly shown: string
    readonly mayBeShort: boolean
    /** The params for another name: that of which this one is a short form. */
    rename(own: string): RawObject
  }
}

/** What a request names, as far as that is known without asking a member. */
export interface NamedByRequest {
  readonly member?: string | undefined
  /** The tool or prompt, as its member names it; as the client does if it is of no member. */
  readonly own?: string | undefined
  /** Whether that may be the short form of another name, which is not known yet. */
  readonly mayBeOther?: boolean
  /** Whether it names a resource of no member, which may be one of a member with Apps: only lists can say of which. */
  readonly mayBeOfAny?: boolean
}

const addressed = new Set([
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'resources/directory/read',
  'skills/get',
])

/** Throws `invalid_params` if what it names is of no member, or not named as it must be. */
export function targetOf(method: string, params: RawObject | undefined, naming: Naming): Target | UnknownTarget {
  if (!params) return unknownMethod(method)
  if (method === 'tools/call' || method === 'prompts/get')
    return namedTarget(method === 'tools/call' ? 'tools/list' : 'prompts/list', params, naming, (renamed) => renamed)
  if (addressed.has(method)) return addressedTarget(params, naming, (changed) => changed)
  if (taskFollowUps.has(method)) {
    const shown = params.value['taskId']
    const found = typeof shown === 'string' ? naming.tasks.find(shown) : undefined
    if (!found) throw new Refusal('invalid_params', { message: 'There is no task of this id.' })
    return { member: found.member, params: withText(params, 'taskId', found.own) }
  }
  const ref = method === 'completion/complete' ? objectMember(params, 'ref') : undefined
  if (!ref) return unknownMethod(method)
  const inRef = (changed: RawObject): RawObject => replaceMember(params, 'ref', changed.value, changed.text)
  return checkedRef(params) === 'ref/resource'
    ? addressedTarget(ref, naming, inRef)
    : namedTarget('prompts/list', ref, naming, inRef)
}

/**
 * What a request names, as far as the names of an endpoint say it.
 * @param only the name of the member whose names are shown as they are; it has methods that mcplex does not know
 * @param fullName finds the name that a short form stands for
 */
export function namedBy(
  { method, params }: { readonly method: string; readonly params: RawObject | undefined },
  naming: Naming,
  only: string | undefined,
  fullName: (list: 'tools/list' | 'prompts/list', shown: string) => string | undefined,
): NamedByRequest {
  try {
    const target = targetOf(method, params, naming)
    if ('unknown' in target) {
      const { kind, shown } = target.unknown
      if (kind !== 'method') return kind === 'tool' ? { own: shown } : { mayBeOfAny: true }
      return naming.isPlain && knownMethod(shown) === unknownName ? { member: only } : {}
    }
    const { member, named } = target
    if (!named?.mayBeShort) return { member, own: named?.own }
    const own = fullName(named.list, named.shown) ?? named.own
    return { member, own, mayBeOther: own === named.own }
  } catch {
    return {}
  }
}

/** The same behind an endpoint of one upstream alone: each request is for it. */
export function namedAt(
  member: string,
  { method, params }: { readonly method: string; readonly params: RawObject | undefined },
): NamedByRequest {
  const name = method === 'tools/call' || method === 'prompts/get' ? params?.value['name'] : undefined
  return { member, own: typeof name === 'string' ? name : undefined }
}

/**
 * The type of the reference of `completion/complete`. Throws `invalid_params` for one that the specification does not
 * have: it may name what the endpoint does not show. [completion, reference types]
 */
export function checkedRef({ value }: RawObject): 'ref/prompt' | 'ref/resource' {
  const { ref } = value
  const type = isObject(ref) ? ref['type'] : undefined
  if (type === 'ref/prompt' || type === 'ref/resource') return type
  throw new Refusal('invalid_params', { message: 'The type of ref must be ref/prompt or ref/resource.' })
}

const noMember =
  'Several servers are behind this endpoint, and nothing in this request says for which it is: use the endpoint of the server alone.'

function unknownMethod(shown: string): UnknownTarget {
  return { unknown: { kind: 'method', shown }, refusal: new Refusal('method_not_found', { message: noMember }) }
}

function namedTarget(
  list: 'tools/list' | 'prompts/list',
  raw: RawObject,
  { names }: Naming,
  place: (changed: RawObject) => RawObject,
): Target | UnknownTarget {
  const shown = raw.value['name']
  const found = typeof shown === 'string' ? names.find(shown) : undefined
  if (typeof shown !== 'string') throw unknown(list)
  if (!found) {
    if (list === 'prompts/list') throw unknown(list)
    return { unknown: { kind: 'tool', shown }, refusal: unknown(list) }
  }
  const rename = (own: string): RawObject => place(withText(raw, 'name', own))
  const { member, own, mayBeShort } = found
  return { member, params: rename(own), named: { list, own, shown, mayBeShort, rename } }
}

/** The refusal for a tool or prompt that the endpoint does not have, or does not show. */
export function unknown(list: 'tools/list' | 'prompts/list'): Refusal {
  return new Refusal('invalid_params', {
    message: `This endpoint has no ${list === 'tools/list' ? 'tool' : 'prompt'} of this name.`,
  })
}

function addressedTarget(
  raw: RawObject,
  { uris }: Naming,
  place: (changed: RawObject) => RawObject,
): Target | UnknownTarget {
  const shown = raw.value['uri']
  if (typeof shown !== 'string') throw new Refusal('invalid_params', { message: 'The parameter uri must be a string.' })
  const found = uris.find(shown)
  if (!found) return { unknown: { kind: 'resource', shown }, refusal: unknownResource(shown) }
  const { member, own } = found
  return { member, params: place(withText(raw, 'uri', own)), uri: { own, shown } }
}

/** The refusal for a resource that the endpoint does not have, or does not show. */
export function unknownResource(uri: string): Refusal {
  return new Refusal('invalid_params', { message: 'This endpoint has no resource of this URI.', data: { uri } })
}

function withText(raw: RawObject, key: string, text: string): RawObject {
  return raw.value[key] === text ? raw : replaceMember(raw, key, text, JSON.stringify(text))
}
