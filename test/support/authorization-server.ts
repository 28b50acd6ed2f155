/** An authorization server of `test/fixtures` as a process of its own. */
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { inTime } from './eventually.ts'

/** @returns its issuer, and what ends it */
export async function startAuthorizationServer(
  file: string,
  args: readonly string[],
): Promise<{ readonly issuer: string; end(): void }> {
  const path = join(import.meta.dirname, '..', 'fixtures', file)
  const server = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  const { stdout } = server
  const issuer = await inTime(
    'the authorization server',
    new Promise<string>((resolve) => createInterface(stdout).once('line', resolve)),
  )
  return { issuer, end: () => void server.kill() }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}
