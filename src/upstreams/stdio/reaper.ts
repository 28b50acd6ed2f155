/**
 * The reaper: a small shell process that ends our children when we cannot, because we were killed or crashed.
 *
 * We send it the ids of process groups through a socket whose other end only we hold. The socket closes when we end, for
 * whatever reason; the reaper then ends every listed group and every process that carries a mark of ours
 * (reaper-program.ts). It runs in a session of its own and outside our process tree, so that signals to the group of our
 * terminal, to our descendants or to processes named mcplex do not reach it. If it dies or does not answer, another one
 * is started with all groups. It takes about 1 MB and is started before the first child.
 *
 * Not covered: we and the reaper being killed at once, and Windows, which has no such shell. Children still see their
 * stdin close.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Clock, Timer } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { hasGroups, signalGroup } from './process-group.ts'
import { reaperProgram } from './reaper-program.ts'
import { markName } from './worker-mark.ts'

export interface Reaper {
  /** Starts the reaper unless it runs. To be called before a process is started. */
  begin(): void
  /** Has the reaper end the group if we die. */
  watch(pgid: number): void
  /** The group is gone. Must be called at once, before its id can be reused. */
  forget(pgid: number): void
  /** Ends the reaper, and with it every group still watched and every process still marked. */
  close(): void
}

export interface ReaperSettings {
  readonly clock: Clock
  readonly log: Log
  /** The first part of our marks. */
  readonly gateway: string
  /** The folder of our control groups, if there is one. */
  readonly controlGroups?: string | undefined
  /** Further directories (as PATH) where the shell looks for `grep` and `sleep`. */
  readonly path?: string | undefined
}

/** A reaper that died sooner after its start than this is not replaced at once. */
const restartAfterMs = 1000
/** A reaper that does not answer for this long was stopped by a signal, and is replaced. */
const answerMs = 10_000

/** The variable by which a reaper shows whose it is: it is no descendant of ours. */
const ownerName = 'OWNER'

const usualPath = '/usr/local/bin:/usr/bin:/bin'

/** Never throws; if no reaper can be started, that is logged, and only we ourselves end children. */
export function createReaper(settings: ReaperSettings): Reaper {
  if (!hasGroups()) return { begin() {}, watch() {}, forget() {}, close() {} }
  const { clock, log, gateway, controlGroups = '', path } = settings
  const watched = new Set<number>()
  let shell: Shell | undefined
  let closed = false
  let isWaiting = false

  const start = (): void => {
    const startedAt = clock.now()
    const env = {
      PATH: path === undefined ? usualPath : `${usualPath}:${path}`,
      NAME: markName,
      ID: gateway,
      FOLDER: controlGroups,
      [ownerName]: `${process.pid}`,
    }
    const lost = (error?: unknown): void => {
      shell = undefined
      if (closed) return
      log.warn(
        { ...(error !== undefined && { err: error }), watched: watched.size },
        'the reaper of child processes ended',
      )
      if (clock.now() - startedAt < restartAfterMs) restartLater()
      else if (watched.size > 0) start()
    }
    try {
      shell = startShell({ env, groups: watched, clock }, lost)
    } catch (error) {
      lost(error)
    }
  }

  const restartLater = (): void => {
    if (isWaiting) return
    isWaiting = true
    clock.after(restartAfterMs, () => {
      isWaiting = false
      if (!closed && !shell && watched.size > 0) start()
    })
  }

  const begin = (): void => {
    if (!closed && !shell && !isWaiting) start()
  }

  return {
    begin,
    watch(pgid) {
      if (closed || watched.has(pgid)) return
      watched.add(pgid)
      if (shell) shell.tell(`+${pgid}`)
      else begin()
    },
    forget(pgid) {
      if (watched.delete(pgid)) shell?.tell(`-${pgid}`)
    },
    close() {
      if (closed) return
      closed = true
      shell?.end()
    },
  }
}

/** Whether a process is a reaper of this process, of whatever server. Linux only. */
export function isOwnReaper(pid: number): boolean {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
    return variables.includes(`${ownerName}=${process.pid}`) && variables.includes(`NAME=${markName}`)
  } catch {
    // It has ended, or belongs to another user.
    return false
  }
}

interface Shell {
  /** Sends one line, which the shell answers with a dot. */
  tell(line: string): void
  /** Closes its input: it now ends what is listed. */
  end(): void
}

interface ShellNeeds {
  readonly env: Readonly<Record<string, string>>
  readonly groups: Iterable<number>
  readonly clock: Clock
}

/** Starts the program. `lost` is called once, later, when it has ended, or was killed because it did not answer. */
function startShell({ env, groups, clock }: ShellNeeds, lost: (error?: Error) => void): Shell {
  const started = spawn('/bin/sh', ['-c', reaperProgram, 'reaper', ...Array.from(groups, String)], {
    cwd: '/',
    detached: true,
    env,
    // Not its stdin: Node closes that when the started process ends, which is at once, as it forks.
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  // There is no pipe if too many files are open.
  const pipe = started.stdio?.[3]
  let failure: Error | undefined
  let unanswered = 0
  let watch: Timer | undefined

  /** Never by closing the pipe: if it were resumed, it would take that for our end. */
  const replace = (): void => {
    failure = new Error('it did not answer')
    if (started.pid !== undefined) signalGroup(started.pid, 'SIGKILL')
  }
  started.unref()
  started.on('error', (error) => {
    failure = error
    if (!(pipe instanceof Socket)) lost(error)
  })
  if (!(pipe instanceof Socket)) return { tell() {}, end() {} }

  pipe.unref()
  // The event `close` follows every error.
  pipe.on('error', () => {})
  pipe.on('data', (dots: Buffer) => {
    unanswered -= dots.length
    watch?.stop()
    watch = unanswered > 0 ? clock.after(answerMs, replace) : undefined
  })
  pipe.on('close', () => {
    watch?.stop()
    lost(failure)
  })
  return {
    tell(line) {
      pipe.write(`${line}\n`)
      unanswered++
      watch ??= clock.after(answerMs, replace)
    },
    end: () => void pipe.end(),
  }
}
