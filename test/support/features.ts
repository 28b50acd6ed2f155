/** The server that has every feature of the protocol in either era, and remembers what it is told for as long as it runs. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const program = join(import.meta.dirname, '..', 'compatibility', 'server', 'server.mjs')

export interface FeatureServer {
  /** The file and its flags. */
  readonly argv: readonly string[]
  /** Removes what its processes shared. */
  clear(): void
}

/** @param speaks sessions alone, the stateless revision alone, or both */
export function featureServer(speaks: 'old' | 'new' | 'dual'): FeatureServer {
  const notes = mkdtempSync(join(tmpdir(), 'mcplex-notes-'))
  return {
    argv: [program, `--speaks=${speaks}`, `--notes=${notes}`],
    clear: () => rmSync(notes, { recursive: true, force: true }),
  }
}
