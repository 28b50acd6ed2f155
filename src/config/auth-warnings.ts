/** Settings of `auth` that are valid, and probably not meant. Pure. */
import { scopePatterns } from '../identity/options.ts'
import { idlePatterns, strayPatterns } from '../router/options.ts'
import type { Problem } from './problem.ts'
import { type ProvidedSettings, spotOf } from './provided.ts'

export function authWarnings(provided: ProvidedSettings): Problem[] {
  return [...tenantsOfNobody(provided), ...scopesOfNothing(provided)]
}

/** Without credentials all callers are of the tenant `default`, so that no other tenant has any. */
function tenantsOfNobody({ values, tenants = new Map() }: ProvidedSettings): Problem[] {
  const methods = values.get('auth.methods')
  const others = [...tenants.keys()].filter((name) => name !== 'default')
  const asksNothing = methods === undefined || (Array.isArray(methods.value) && methods.value.includes('none'))
  if (!asksNothing || others.length === 0) return []
  const names = others.length === 1 ? `tenants.${others[0]} has` : `the tenants ${others.join(', ')} have`
  const message = `${names} no callers: without auth, all callers are of the tenant default`
  const notes: Problem['notes'] = [['try', 'auth: { methods: [keys] }, and mcplex keys create --tenant NAME']]
  return [{ code: 'config_value', ...spotOf(methods, `tenants.${others[0]}`), message, notes }]
}

/** Rules about tools and servers that no server of the file is meant by. */
function scopesOfNothing({ values, upstreams, aliases }: ProvidedSettings): Problem[] {
  const scopes = values.get('auth.scopes')
  const given: readonly unknown[] = Array.isArray(scopes?.value) ? scopes.value : []
  const lines = given.filter((line) => typeof line === 'string')
  const all = [...upstreams.keys()]
  const ofServers = idlePatterns(
    scopePatterns(lines, 'upstream'),
    all.map((one) => [one]),
  )
  const ofTools = strayPatterns({ tools: scopePatterns(lines, 'tool') }, all, Object.fromEntries(aliases ?? []))
  return [...ofServers.map((one) => `upstream:${one}`), ...ofTools.map((one) => `tool:${one}`)].map((pattern) => ({
    code: 'config_value',
    ...spotOf(scopes, 'auth.scopes'),
    message: `auth.scopes: "${pattern}" is of no upstream`,
    notes: [['accepted', all.join(', ')]],
  }))
}
