/**
 * The configuration of a command with a file: flags over environment over the file over defaults. Reports every problem
 * at once, each with its flag, its variable, or its line in the file.
 */
import { dirname } from 'node:path'
import { upstreamOptions } from '../../upstreams/options.ts'
import { SecretValues } from '../../base/secret-values.ts'
import { tokenFileProblems } from '../admin-token.ts'
import { assemble } from '../assemble.ts'
import { tenantWarnings } from '../assemble-tenants.ts'
import { authWarnings } from '../auth-warnings.ts'
import { tenantBoundWarnings } from '../tenant-bound-warnings.ts'
import { strayPatternProblems } from '../assemble-upstreams.ts'
import type { Environment } from '../environment.ts'
import { type Loaded, readProvided, setKeysFile } from '../load.ts'
import { ConfigError, type Problem } from '../problem.ts'
import type { Provided, ProvidedSettings, ProvidedUpstream, ProvidedValue } from '../provided.ts'
import { unknownVariables } from '../unknown-variables.ts'
import { excusedLimits, missingParts } from './missing-parts.ts'
import type { FileSource } from './file-source.ts'
import { readFileText } from './read-file.ts'
import { readNamedVariables } from './named-variables.ts'
import { sharedOptions } from '../schema.ts'
import { secretsOfSettings } from '../secret-options.ts'

export interface LoadedFile extends Loaded {
  /** What was provided, for showing where each value is from. */
  readonly provided: ProvidedSettings
}

/**
 * @param flags the values of each flag by its name without dashes
 * @throws ConfigError with all problems
 */
export function loadFile(
  source: FileSource,
  flags: ReadonlyMap<string, readonly string[]>,
  machine: Environment,
): LoadedFile {
  const file = readFileText(source)
  const problems = [...file.problems]
  const warnings = [...file.warnings]
  const typed = readProvided(sharedOptions, { flags }, machine, problems, warnings)
  const named = readNamedVariables(file, machine, problems, warnings)
  problems.push(...unknownVariables(machine.env, [], named.names))
  const upstreams = new Map(
    [...file.upstreams].map(([name, one]): [string, ProvidedUpstream] => {
      const own = overlay(one.values, ofUpstreams(typed), named.provided.get(`upstreams.${name}`))
      return [name, { ...one, values: own }]
    }),
  )
  const endpoints = new Map(
    [...file.endpoints].map(([name, own]) => [name, overlay(own, named.provided.get(`endpoints.${name}`))]),
  )
  const tenants = new Map(
    [...file.tenants].map(([name, own]) => [name, overlay(own, named.provided.get(`tenants.${name}`))]),
  )
  const { aliases, aliasPlaces } = file
  const values = overlay(file.values, typed)
  setKeysFile(values, dirname(source.path))
  const provided = { values, upstreams, endpoints, tenants, aliases, aliasPlaces }
  // What the file lacks is told already, with its place.
  const complete = problems.length > 0 && upstreams.size === 0 ? { ...provided, upstreams: anyUpstream } : provided
  const { log, clients, admin, ...settings } = maskingSecrets(file.secretValues, () =>
    assemble(complete, problems, machine),
  )
  const token = tokenFileProblems(admin, provided.values)
  const secretValues = [...file.secretValues, ...secretsOfSettings(settings, admin)]
  return {
    settings: Object.freeze(settings),
    log,
    clients,
    admin,
    quote: (path) => provided.values.get(path)?.quote ?? quoteOfUpstream(provided, path),
    provided,
    warnings: withoutSecrets(
      [
        ...warnings,
        ...token.warnings,
        ...strayPatternProblems(provided),
        ...tenantWarnings(provided),
        ...authWarnings(provided),
        ...tenantBoundWarnings(provided),
        ...excusedLimits(settings.upstreams, upstreams),
      ],
      secretValues,
    ),
    missing: withoutSecrets([...missingParts(settings.upstreams, upstreams), ...token.missing], secretValues),
    secretValues,
  }
}

/** Runs a function. The problems that it throws do not show these values. */
function maskingSecrets<Value>(values: readonly string[], run: () => Value): Value {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError(withoutSecrets(error.problems, values))
  }
}

function withoutSecrets(problems: readonly Problem[], values: readonly string[]): Problem[] {
  const secrets = new SecretValues(values)
  return problems.map((problem) => ({
    ...problem,
    message: secrets.mask(problem.message),
    notes: problem.notes.map(([label, text]) => [label, secrets.mask(text)] as const),
  }))
}

/** How the value of `upstreams.NAME.key` was provided. */
function quoteOfUpstream({ upstreams }: ProvidedSettings, path: string): string | undefined {
  const [, name = '', key = ''] = /^upstreams\.([^.]+)\.(\w+)$/.exec(path) ?? []
  return upstreams.get(name)?.values.get(key)?.quote
}

/** Settings are not assembled without an upstream. */
const anyUpstream: ReadonlyMap<string, ProvidedUpstream> = new Map([
  ['none', { kind: 'stdio', where: '', values: new Map([['command', { value: 'none', where: '', quote: '' }]]) }],
])

/** The values of flags and variables that are for all upstreams, by key. */
function ofUpstreams(typed: Provided): Provided {
  const keys = Object.keys(upstreamOptions)
  const found = keys.flatMap((key): Array<[string, ProvidedValue]> => {
    const value = typed.get(`upstream.${key}`)
    return value ? [[key, value]] : []
  })
  return new Map(found)
}

/** Later values replace earlier ones, but a flag stays. */
function overlay(...all: ReadonlyArray<Provided | undefined>): Map<string, ProvidedValue> {
  const values = new Map<string, ProvidedValue>()
  for (const one of all)
    for (const [key, value] of one ?? []) if (values.get(key)?.where.startsWith('--') !== true) values.set(key, value)
  return values
}
