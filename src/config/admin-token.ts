/** The file with the tokens of operators: read, and looked at for what is wrong with it. */
import { readFileSync, statSync } from 'node:fs'
import type { AdminSettings } from './admin-options.ts'
import { leastTokenChars, type NamedToken, readTokenLine, readTokenText, rightNames } from './admin-token-line.ts'
import type { Problem } from './problem.ts'
import { type Provided, spotOf } from './provided.ts'

export const newToken = 'openssl rand -hex 32 > token && chmod 600 token'

/** More lines are no file of tokens. */
const mostTokens = 100

/**
 * The tokens in a file, one a line, each with its rights behind it: `TOKEN read,act`. A token alone has all rights. Lines
 * that begin with # are comments. Or why the file cannot be used: words that complete a sentence about it, without any of
 * its content.
 */
function readAdminTokens(
  path: string,
): { readonly tokens: readonly [NamedToken, ...NamedToken[]] } | { readonly fault: string } {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    return { fault: `cannot be read: ${error instanceof Error ? error.message : String(error)}` }
  }
  const tokens: NamedToken[] = []
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    const shown = line.trim()
    if (shown === '' || shown.startsWith('#')) continue
    const read = readTokenText(shown)
    if (read === 'token')
      return {
        fault: `holds fewer than ${leastTokenChars} characters, or others than visible ASCII, in line ${at + 1}`,
      }
    if (read === 'rights')
      return { fault: `has something else than ${[...rightNames].join(', ')} behind the token in line ${at + 1}` }
    if (tokens.some(({ token }) => token === read.token)) return { fault: `has the token of line ${at + 1} twice` }
    tokens.push(read)
  }
  const [first, ...others] = tokens
  if (!first) return { fault: `holds fewer than ${leastTokenChars} characters, or others than visible ASCII` }
  if (tokens.length > mostTokens) return { fault: `holds more than ${mostTokens} tokens` }
  return { tokens: [first, ...others] }
}

/**
 * The tokens of the file and of the settings; none if neither is given. Or why they cannot be used: a sentence without any of
 * them.
 */
export function givenTokens({
  tokenFile,
  tokens,
}: Pick<AdminSettings, 'tokenFile' | 'tokens'>): readonly NamedToken[] | { readonly fault: string } {
  const ofFile = tokenFile === undefined ? { tokens: [] } : readAdminTokens(tokenFile)
  if ('fault' in ofFile) return { fault: `the file of the tokens, ${tokenFile}, ${ofFile.fault}` }
  const all = [...ofFile.tokens, ...tokens.flatMap((line) => readTokenLine(line) ?? [])]
  const twice = new Set(all.map(({ token }) => token)).size < all.length
  return twice ? { fault: 'a token is given twice, in admin.tokens or in the file of admin.tokenFile' } : all
}

/**
 * What is wrong with the file, if there is an address that needs it: it cannot be used (`missing`), or others can use it
 * (`warnings`).
 */
export function tokenFileProblems(
  { listen, tokenFile }: AdminSettings,
  provided: Provided,
): { readonly missing: readonly Problem[]; readonly warnings: readonly Problem[] } {
  if (tokenFile === undefined || listen === undefined || listen === 'off') return { missing: [], warnings: [] }
  const value = provided.get('admin.tokenFile')
  const spot = spotOf(value, 'admin.tokenFile')
  const name = value?.quote ?? `admin.tokenFile ${tokenFile}`
  const read = readAdminTokens(tokenFile)
  if ('fault' in read)
    return {
      missing: [{ code: 'config_missing', ...spot, message: `${name} ${read.fault}`, notes: [['try', newToken]] }],
      warnings: [],
    }
  const access = othersAccess(tokenFile)
  if (access === undefined) return { missing: [], warnings: [] }
  const message = `${name} can be ${access} by other users of this machine, who can operate mcplex with what is in it`
  const notes = [['try', `chmod 600 ${JSON.stringify(tokenFile)}`]] as const
  return { missing: [], warnings: [{ code: 'config_exposed', ...spot, message, notes }] }
}

/** What users besides its owner and group may do to a file; its group may not write. */
function othersAccess(path: string): 'read' | 'written' | undefined {
  // There, the mode says nothing of other users.
  if (process.platform === 'win32') return undefined
  const { mode } = statSync(path)
  return (mode & 0o022) !== 0 ? 'written' : (mode & 0o004) !== 0 ? 'read' : undefined
}
