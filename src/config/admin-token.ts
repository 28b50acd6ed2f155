/** The file with the token of operators: read, and looked at for what is wrong with it. */
import { readFileSync, statSync } from 'node:fs'
import type { AdminSettings } from './admin-options.ts'
import type { Problem } from './problem.ts'
import { type Provided, spotOf } from './provided.ts'

/** A shorter token could be guessed. */
const leastTokenChars = 16

export const newToken = 'openssl rand -hex 32 > token && chmod 600 token'

/** The token in a file, or why it cannot be used: words that complete a sentence about the file. */
export function readAdminToken(path: string): { readonly token: string } | { readonly fault: string } {
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (error) {
    return { fault: `cannot be read: ${error instanceof Error ? error.message : String(error)}` }
  }
  if (text.length >= leastTokenChars && /^[\u0021-\u007e]+$/.test(text)) return { token: text }
  return { fault: `holds fewer than ${leastTokenChars} characters, or others than visible ASCII` }
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
  const read = readAdminToken(tokenFile)
  if ('fault' in read)
    return {
      missing: [{ code: 'config_missing', ...spot, message: `${name} ${read.fault}`, notes: [['try', newToken]] }],
      warnings: [],
    }
  const access = othersAccess(tokenFile)
  if (access === undefined) return { missing: [], warnings: [] }
  const message = `${name} can be ${access} by other users of this machine, who can operate mcplex with the token in it`
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
