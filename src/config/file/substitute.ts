/**
 * Replaces `${NAME}`, `${NAME:-default}` and `${file:path}` in a text of a file; `$${` stands for `${`. Pure: variables
 * and files are read through arguments.
 */

export interface Substitutes {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The folder of the project, for `${workspaceFolder}` of editors. */
  readonly folder: string
  /** The text of a file, without the line break at its end; or why it cannot be read. */
  readFile(path: string): { readonly text: string } | { readonly fault: string }
}

export type Substituted =
  /** `secrets` are the values of variables and files in it. */
  | { readonly text: string; readonly secrets: readonly string[] }
  /** `fault` completes a sentence that begins with the reference; `end` is behind it in the text. */
  | ({ readonly reference: string } & Failed)

/** Why a reference has no value, and either what would be accepted, or ways out, best first. */
interface Failed {
  readonly fault: string
  readonly accepted?: string
  readonly ways?: readonly string[]
}

const reference = /\$\$\{|\$\{([^{}]*)(\}?)/g

/** The text with each reference replaced, or the first one that cannot be. */
export function substitute(text: string, from: Substitutes): Substituted {
  let failed: Substituted | undefined
  const secrets: string[] = []
  const replaced = text.replaceAll(reference, (whole: string, inner: string | undefined, end: string | undefined) => {
    if (inner === undefined) return '${'
    const found = end === '}' ? valueOf(inner.trim(), from) : unclosed
    if ('text' in found) {
      if (found.isOpen !== true) secrets.push(found.text)
      return found.text
    }
    failed ??= { reference: whole, ...found }
    return ''
  })
  return failed ?? { text: replaced, secrets }
}

/** `isOpen` if it stands in the file, or says where we are, and is no secret. */
type Value = { readonly text: string; readonly isOpen?: boolean } | Failed

const forms = '${NAME}, ${NAME:-default} or ${file:/path/of/a/file}; $${ for a plain ${'
/** Variables that hold no secret, and whose values stand in many paths. */
const openNames: ReadonlySet<string> = new Set([
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'PWD',
  'TMPDIR',
  'LANG',
  'TZ',
  'PATH',
])
const unclosed: Value = { fault: 'is never closed', accepted: forms }

function valueOf(inner: string, { env, folder, readFile }: Substitutes): Value {
  const [, kind = '', rest = ''] = /^(file|env|input|command):(.*)$/s.exec(inner) ?? []
  if (kind === 'file') {
    const read = readFile(rest.trim())
    return 'text' in read ? read : { ...read, accepted: 'the path of a file that this user may read' }
  }
  if (kind === 'input' || kind === 'command')
    return {
      fault: 'is asked for by an editor, and mcplex cannot ask',
      accepted: '${NAME}, with the value in a variable',
    }
  if (inner === 'workspaceFolder') return { text: folder, isOpen: true }
  if (inner === 'userHome') return variable('HOME', undefined, env)
  const [, name = '', isDefault, standard] = /^([A-Za-z_]\w*)(:-(.*))?$/s.exec(kind === 'env' ? rest : inner) ?? []
  if (name === '') return { fault: 'is no reference', accepted: forms }
  return variable(name, isDefault === undefined ? undefined : (standard ?? ''), env)
}

/** As in a shell, an empty variable counts as not set. */
function variable(name: string, standard: string | undefined, env: Substitutes['env']): Value {
  const text = env[name] ?? ''
  if (text !== '') return { text, isOpen: openNames.has(name) }
  if (standard !== undefined) return { text: standard, isOpen: true }
  return {
    fault: `names a variable that is not set`,
    ways: [
      `${name}=... mcplex up`,
      `\${${name}:-} in the file, if the server works without it; a default stands behind the -`,
      '${file:/path} in the file, if a file holds the value',
    ],
  }
}
