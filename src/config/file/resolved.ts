/** The settings with the origin of each value, for people; secrets are masked. Pure. */
import type { Option } from '../../base/option.ts'
import { maskCommand, maskWord } from '../../base/mask-command.ts'
import { SecretValues } from '../../base/secret-values.ts'
import { reloadedAdminKeys } from '../admin-options.ts'
import type { ProvidedValue } from '../provided.ts'
import { writeValue } from '../read-option.ts'
import { schema } from '../schema.ts'
import type { LoadedFile } from './load-file.ts'
import { providedOf } from '../assemble-tenants.ts'
import { endpointMembers, membersOfKind, tenantMembers } from './structure.ts'

export interface ResolvedValue {
  /** Its path in a file. */
  readonly path: string
  readonly value: string
  /** `mcplex.yaml:3:9`, `--port`, `PORT`, or `default`. */
  readonly origin: string
  /** Whether a change of it is applied only by a restart, and not by a reload. */
  readonly needsRestart: boolean
}

/** All values, in the order of the options; those of upstreams, endpoints and tenants come last. */
export function resolvedValues({ settings, log, clients, admin, provided, secretValues }: LoadedFile): ResolvedValue[] {
  const secrets = new SecretValues(secretValues)
  const resolved = (
    path: string,
    option: Option,
    value: unknown,
    from: ProvidedValue | undefined,
    needsRestart: boolean,
  ): ResolvedValue => {
    return { path, value: shown(option, value, secrets), origin: from?.where ?? 'default', needsRestart }
  }
  const slices: Readonly<Record<string, object>> = { ...settings, log, clients, admin }
  const general = schema
    .filter(({ module }) => module !== 'upstream')
    .map(({ module, key, path, option }) =>
      resolved(
        path,
        option,
        memberOf(slices[module], key),
        provided.values.get(`${module}.${key}`),
        !isReloaded(module, key),
      ),
    )
  const upstreams = Object.entries(settings.upstreams).flatMap(([name, setup]) => {
    const own = provided.upstreams.get(name)?.values
    return membersOfKind(setup.kind).map(({ key, path, option }) => {
      const from = own?.get(key) ?? provided.values.get(`upstream.${key}`)
      return resolved(`upstreams.${name}.${path}`, option, memberOf(setup, key), from, false)
    })
  })
  const endpoints = Object.entries(settings.endpoints).flatMap(([name, setup]) =>
    endpointMembers.map(({ key, path, option }) =>
      resolved(
        `endpoints.${name}.${path}`,
        option,
        memberOf(setup, key),
        provided.endpoints.get(name)?.get(key),
        false,
      ),
    ),
  )
  const tenants = Object.entries(settings.tenants).flatMap(([name, setup]) =>
    tenantMembers.map(({ key, path, option }) => {
      const from = providedOf(provided.tenants ?? new Map(), name, key)
      return resolved(`tenants.${name}.${path}`, option, memberOf(setup, key), from, false)
    }),
  )
  return [...general, ...upstreams, ...endpoints, ...tenants]
}

/** Whether a reload takes over an option that is no upstream's, endpoint's or tenant's. */
function isReloaded(module: string, key: string): boolean {
  return module === 'auth' || (module === 'admin' && reloadedAdminKeys.has(key))
}

function shown(option: Option, value: unknown, secrets: SecretValues): string {
  if (value === undefined || value === null) return derivedText(option)
  if (typeof value === 'string' && option.kind === 'given') return maskWord(secrets.mask(value))
  if (option.kind !== 'given') return maskWord(secrets.mask(writeValue(option, value))) || 'none'
  if (Array.isArray(value)) {
    const words = value.map((word) => secrets.mask(String(word)))
    return words.length === 0 ? 'none' : maskCommand(words).map(quoted).join(' ')
  }
  if (typeof value !== 'object') return ''
  // Whatever a server gets may be a secret.
  return (
    Object.keys(value)
      .map((name) => `${name}=***`)
      .join(' ') || 'none'
  )
}

/** How a default comes about that only the running instance can tell; in short. */
function derivedText({ default: standard }: Option): string {
  return typeof standard === 'object' && 'derived' in standard ? standard.derived.replace(/[,:].*$/, '') : 'none'
}

function quoted(word: string): string {
  return /^[^\s"']+$/.test(word) ? word : JSON.stringify(word)
}

function memberOf(slice: object | undefined, key: string): unknown {
  return new Map<string, unknown>(Object.entries(slice ?? {})).get(key)
}
