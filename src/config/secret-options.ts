/** The secrets in values of options that may have some (`secretIn` of base/option.ts). Pure. */
import type { Option } from '../base/option.ts'
import type { AdminSettings } from './admin-options.ts'
import { readTokenLine } from './admin-token-line.ts'
import { schema } from './schema.ts'
import type { Settings } from './settings.ts'

/** The secret in a text of an option; undefined if there is none. */
export function secretIn(option: Option, text: string): string | undefined {
  return 'secretIn' in option ? option.secretIn?.(text) : undefined
}

/** A text of an option with `***` in the place of its secret. */
export function withoutSecretOf(option: Option, text: string): string {
  const secret = secretIn(option, text)
  return secret === undefined || secret === '' ? text : text.replaceAll(secret, '***')
}

/** A value that a program gave, for a sentence. */
export function shownValue(option: Option, value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) =>
    typeof part === 'string' ? withoutSecretOf(option, part) : part,
  )
}

/** All secrets of settings. */
export function secretsOfSettings(
  settings: Pick<Settings, 'auth' | 'policy'>,
  admin: Pick<AdminSettings, 'tokens'>,
): string[] {
  const tokens = admin.tokens.flatMap((line) => readTokenLine(line)?.token ?? [])
  return [...secretsOfModules(settings), ...tokens]
}

function secretsOfModules({ auth, policy }: Pick<Settings, 'auth' | 'policy'>): string[] {
  const values = new Map<string, unknown>(
    Object.entries({ auth, policy }).flatMap(([module, slice]) =>
      Object.entries(slice).map(([key, value]) => [`${module}.${key}`, value]),
    ),
  )
  return schema.flatMap(({ module, key, option }) => {
    const value: unknown = values.get(`${module}.${key}`)
    const texts: readonly unknown[] = Array.isArray(value) ? value : [value]
    return texts.flatMap((text) => (typeof text === 'string' ? (secretIn(option, text) ?? []) : []))
  })
}
