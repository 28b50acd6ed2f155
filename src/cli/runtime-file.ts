/**
 * The runtime file of this process: says where it serves, for later commands of the same user (`status`, `top`, `stop`).
 * Promises that it is complete whenever it is there, readable by this user alone, without secrets but the token that this
 * process has made for its operators, and removed at the end of this process. What `kill -9` leaves behind is ignored by
 * readers, and removed by the next instance.
 */
import { randomBytes } from 'node:crypto'
import { lstatSync, renameSync, rmSync, type Stats, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock, wallMs } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { version } from '../base/version.ts'
import { type AnswerRequest, answerRequests } from './instance-requests.ts'
import { openProcessTable, type ProcessTable } from './process-table.ts'
import { identityOf, readFolder, removeIfSame, type RunningInstance, type RuntimeRecord } from './running-instances.ts'
import { openFolder, runtimeFolders } from './runtime-folder.ts'

/** What an instance says of itself, besides its process. */
export type InstanceFacts = Omit<RunningInstance, 'pid' | 'startedAt' | 'version' | 'cwd'>

/**
 * Writes the runtime file of this process; it is removed when the process exits. Never throws: where no file can be
 * written, one line of the log says so.
 * @returns writes the file again with other facts
 * @param answer answers requests of other commands
 */
export function writeRuntimeFile(
  facts: InstanceFacts,
  env: Readonly<Record<string, string | undefined>>,
  log: Log,
  answer: AnswerRequest,
): (facts: InstanceFacts) => void {
  const faults: string[] = []
  for (const folder of runtimeFolders(env)) {
    try {
      openFolder(folder)
      const table = openProcessTable()
      let placed = place(folder, recordOf(facts, table))
      process.once('exit', () => removeIfSame(placed.path, placed.stats))
      answerRequests(folder, systemClock, answer)
      for (const { state, remove } of readFolder(folder, table)) if (state === 'ended') remove()
      return (again) => {
        try {
          placed = place(folder, recordOf(again, table))
        } catch (error) {
          log.warn({ err: error }, 'the runtime file cannot be written again')
        }
      }
    } catch (error) {
      faults.push(`${folder}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  log.warn({ folders: faults }, 'the runtime file cannot be written: other commands will not find this mcplex')
  return () => {}
}

function recordOf(facts: InstanceFacts, table: ProcessTable): RuntimeRecord {
  return {
    format: 1,
    pid: process.pid,
    startedAt: new Date(wallMs() - process.uptime() * 1000).toISOString(),
    version,
    cwd: process.cwd(),
    ...facts,
    identity: identityOf(process.pid, table),
  }
}

/** Writes the file beside its place and moves it there, so that no reader finds half of it. */
function place(folder: string, record: RuntimeRecord): { readonly path: string; readonly stats: Stats } {
  const path = join(folder, `${record.pid}.json`)
  const beside = join(folder, `.${record.pid}.${randomBytes(4).toString('hex')}`)
  try {
    writeFileSync(beside, `${JSON.stringify(record, null, 2)}\n`, { flag: 'wx', mode: 0o600 })
    const stats = lstatSync(beside)
    renameSync(beside, path)
    return { path, stats }
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
}
