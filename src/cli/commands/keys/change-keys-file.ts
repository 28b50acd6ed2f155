/** Changes the file of API keys: one process at a time, in one step, readable by its owner alone. */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Cancel } from '../../../base/cancel.ts'
import { stayAwake, systemClock as clock, wallMs } from '../../../base/clock.ts'
import type { KeyRecord } from '../../../identity/key-record.ts'
import { readKeysFileForCommand, writeKeys } from '../../../identity/keys-file.ts'
import { createFileLock } from '../../../shared-resources/file-lock.ts'
import { writeFileAtomic } from '../../../shared-resources/write-file-atomic.ts'

/** How long to wait for another process, in milliseconds. */
const waitMs = 10_000
/** A process that has died with the lock is not waited for longer than this. */
const ttlMs = 5000
/** Keys that have ended are kept so long, for `mcplex keys --all`. */
const keptMs = 90 * 86_400_000

type KeysChange<Result> = (keys: readonly KeyRecord[]) => {
  readonly keys: readonly KeyRecord[]
  readonly result: Result
}

/**
 * @param change gets the keys of the file, and returns those that it is to have, and its result
 * @throws KeysFileError, what `change` throws, ResourceError if another process has the file all the time, or Node's error
 */
export async function changeKeysFile<Result>(path: string, change: KeysChange<Result>): Promise<Result> {
  // The wait for another process is nothing but timers, which alone would not keep this one alive.
  const awake = stayAwake()
  try {
    return await changeLocked(path, change)
  } finally {
    awake.stop()
  }
}

async function changeLocked<Result>(path: string, change: KeysChange<Result>): Promise<Result> {
  await mkdir(dirname(path), { recursive: true })
  const abort = new AbortController()
  const lock = createFileLock({ resource: `lock(${JSON.stringify(path)})`, path, ttlMs, clock })
  const held = await lock({
    signal: abort.signal,
    cancel: new Cancel(),
    dueMs: clock.now() + waitMs,
    lost: (error) => abort.abort(error),
  })
  try {
    const { keys, result } = change(readKeysFileForCommand(path))
    const kept = keys.filter((key) => endOf(key) > wallMs() - keptMs)
    await writeFileAtomic(path, writeKeys(kept), { mode: 0o600, signal: abort.signal })
    return result
  } finally {
    await held.release(false)
  }
}

function endOf({ expiresAtMs = Infinity, revokedAtMs = Infinity }: KeyRecord): number {
  return Math.min(expiresAtMs, revokedAtMs)
}
