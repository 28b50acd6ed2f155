/** The result of a reload, in the API and in a runtime file: bounded where it is made, checked where it is read. Pure. */
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'

/** The result of a reload, for the command that has asked for it. */
export interface ReloadResult {
  /** Which of the reloads of this instance it was, from 1. */
  readonly number: number
  /** Whether the settings are in force now; if not, those of before stay. */
  readonly applied: boolean
  /** What has changed, or what is wrong: lines for people. */
  readonly lines: readonly string[]
  /** What has changed; undefined if it was not applied. */
  readonly change?: ReloadChange | undefined
  /** Given if that was applied before, by an earlier reload of the same content: when, and why. */
  readonly earlier?: { readonly at: string; readonly because: string } | undefined
}

/** What a reload has changed. Names of upstreams, unless said otherwise. */
export interface ReloadChange {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
  readonly endpoints: {
    readonly added: readonly string[]
    readonly changed: readonly string[]
    readonly removed: readonly string[]
  }
  /** Names of tenants. */
  readonly tenants: ReloadChange['endpoints']
  readonly aliases: boolean
  /** Whether the settings `auth` have changed. */
  readonly auth: boolean
  /** Paths of options. */
  readonly needsRestart: readonly string[]
  /** Upstreams whose tools have other names now, with what stands before them: nothing if it is empty. */
  readonly renamed: ReadonlyArray<{ readonly upstream: string; readonly prefix: string }>
}

/** The most names of a list, and the most lines and characters of the lines: a runtime file is small. */
const maxNames = 30
const maxLines = 200
const maxChars = 20_000

/** The result, cut so that it fits into a runtime file. */
export function boundedResult(result: ReloadResult): ReloadResult {
  let room = maxChars
  const lines = result.lines.slice(0, maxLines).filter((line) => (room -= line.length) >= 0)
  const { change } = result
  if (!change) return { ...result, lines }
  const { endpoints, tenants, renamed } = change
  return {
    ...result,
    lines,
    change: {
      ...change,
      ...cut(change),
      endpoints: cut(endpoints),
      tenants: cut(tenants),
      needsRestart: change.needsRestart.slice(0, maxNames),
      renamed: renamed.slice(0, maxNames),
    },
  }
}

type Names = ReloadChange['endpoints']

function cut({ added, changed, removed }: Names): Names {
  const first = (names: readonly string[]): readonly string[] => names.slice(0, maxNames)
  return { added: first(added), changed: first(changed), removed: first(removed) }
}

/** The result in a runtime file; an empty object if there is none. */
export function reloadIn(value: JsonValue | undefined): { reload?: ReloadResult } {
  if (!isObject(value) || typeof value['number'] !== 'number' || typeof value['applied'] !== 'boolean') return {}
  const { number, applied, change, earlier } = value
  const [at, because] = isObject(earlier) ? [earlier['at'], earlier['because']] : []
  return {
    reload: {
      number,
      applied,
      lines: textsIn(value['lines']),
      ...(isObject(change) && { change: changeIn(change) }),
      ...(typeof at === 'string' && typeof because === 'string' && { earlier: { at, because } }),
    },
  }
}

function changeIn(change: JsonObject): ReloadChange {
  const { endpoints, tenants, renamed, aliases, auth, needsRestart } = change
  return {
    ...namesIn(change),
    endpoints: namesIn(isObject(endpoints) ? endpoints : {}),
    tenants: namesIn(isObject(tenants) ? tenants : {}),
    aliases: aliases === true,
    auth: auth === true,
    needsRestart: textsIn(needsRestart),
    renamed: (Array.isArray(renamed) ? renamed.filter(isObject) : []).flatMap(({ upstream, prefix }) =>
      typeof upstream === 'string' && typeof prefix === 'string' ? [{ upstream, prefix }] : [],
    ),
  }
}

function namesIn({ added, changed, removed }: JsonObject): Names {
  return { added: textsIn(added), changed: textsIn(changed), removed: textsIn(removed) }
}

/** The texts of a list; none of anything else. */
export function textsIn(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}
