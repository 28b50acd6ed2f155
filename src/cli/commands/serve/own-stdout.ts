/** Keeps stdout for the protocol: what a module in this process prints goes to stderr, as the log does. */
import { syncBuiltinESMExports } from 'node:module'
import { Writable } from 'node:stream'
import type { Output } from '../../output.ts'

export interface OwnStdout {
  /** The stream that stdout is. */
  readonly stdout: Writable
  giveBack(): void
}

/**
 * From now on `process.stdout`, and with it `console.log` of all threads, writes to `stderr`.
 * @param stderr waits for no reader, and drops what is not read
 */
export function takeStdout(stderr: Output): OwnStdout {
  const { stdout } = process
  const printed = new Writable({
    decodeStrings: false,
    write(text: unknown, _encoding, written) {
      stderr.write(typeof text === 'string' ? text : Buffer.from(text as Uint8Array).toString())
      written()
    },
  })
  const put = (value: Writable): void => {
    Object.defineProperty(process, 'stdout', { value, configurable: true, enumerable: true })
    // For those who import it by name.
    syncBuiltinESMExports()
  }
  put(printed)
  return { stdout, giveBack: () => put(stdout) }
}
