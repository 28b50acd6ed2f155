/**
 * The reaper: a tiny shell process that ends our children when we cannot, because we were killed or crashed.
 *
 * It is told the ids of process groups through a socket whose other end only we hold. That ends with us, however we
 * end; then it ends every group still listed, and every process that carries a mark of ours (reaper-program.ts). It
 * lives in a session of its own and has no parent that is known to us, so that what is sent to our terminal's group,
 * to our descendants or to whatever is called mcplex does not reach it. Should it die all the same, or stop to answer,
 * another is started and told every group. It costs about 1 MB and is started before the first child.
 *
 * Not covered: an end of both at once, and Windows, which has no shell to do this. Children still see their input close.
 */
import { spawn } from 'node:child_process'
import { Socket } from 'node:net'
import type { Clock, Timer } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { hasGroups, signalGroup } from './process-group.ts'
import { reaperProgram } from './reaper-program.ts'
import { markName } from './worker-mark.ts'

export interface Reaper {
  /** Starts it unless it runs: to be called before a process is started. */
  begin(): void
  /** Ends the group should we die. */
  watch(pgid: number): void
  /** The group is gone. To be called at once, before its id can be another's. */
  forget(pgid: number): void
  /** Ends the reaper, and with it every group still watched and every process still marked. */
  close(): void
}

export interface ReaperSettings {
  readonly clock: Clock
  readonly log: Log
  /** The first part of our marks. */
  readonly gateway: string
  /** The folder of our control groups, if we have any. */
  readonly controlGroups?: string | undefined
  /** Where the shell finds `grep` and `sleep`, besides the usual places. */
  readonly path?: string | undefined
}

/** A reaper that died younger than this is not replaced at once. */
const restartAfterMs = 1000
/** One that leaves what it was told unanswered for so long was stopped, and is replaced. */
const answerMs = 10_000

const usualPath = '/usr/local/bin:/usr/bin:/bin'

/** Throws nothing; where no reaper can be started, that is logged and children are ended by us alone. */
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

interface Shell {
  /** One line; each is answered. */
  tell(line: string): void
  /** The end of what it is told: it does its work now. */
  end(): void
}

interface ShellNeeds {
  readonly env: Readonly<Record<string, string>>
  readonly groups: Iterable<number>
  readonly clock: Clock
}

/** Starts the program. `lost` is told once, later, that it is gone, or was ended because it did not answer. */
function startShell({ env, groups, clock }: ShellNeeds, lost: (error?: Error) => void): Shell {
  const started = spawn('/bin/sh', ['-c', reaperProgram, 'reaper', ...Array.from(groups, String)], {
    cwd: '/',
    detached: true,
    env,
    // Not its stdin: Node closes that when the process that was started has ended, and this one ends at once.
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  // With too many files open there is none.
  const pipe = started.stdio?.[3]
  let failure: Error | undefined
  let unanswered = 0
  let watch: Timer | undefined

  /** Never by closing the pipe: it would take that for our end, should it ever go on. */
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
  // The end of the pipe tells all there is to know about a broken one.
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
