/** The one place that starts upstream programs. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Reservation, MemoryAccount, MemoryBudget } from '../../base/memory-budget.ts'
import type { LineListener } from '../connection/line-transport.ts'
import type { ChildCommand, ChildSettings, StartedChild } from './child.ts'
import type { WorkerContainment } from './containment.ts'
import { enteringCommand } from './entering-command.ts'
import { hasGroups } from './process-group.ts'
import type { SystemUser } from './system-user.ts'
import { RunningChild } from './running-child.ts'

/** Starts a child. Never throws: a program that cannot be started is reported as an exit with an error. */
export function spawnChild(command: ChildCommand, settings: ChildSettings): StartedChild {
  let containment: WorkerContainment
  try {
    containment = settings.containment.open()
  } catch (error) {
    settings.log.error({ err: error }, 'the limits of a worker cannot be set, and it is not started')
    return new FailedChild(Promise.resolve(errorCode(error)), settings.memory)
  }
  const { group } = containment
  let isInside = false
  let started: ChildProcess
  // The mark comes last: the environment found through a launcher holds the mark of that earlier worker.
  const env = { ...environmentOf(command.user), ...command.env, ...containment.variable }
  const start = (entry?: number): ChildProcess => {
    const entering = entry === undefined ? undefined : enteringCommand(command, env, group?.isLimited === true)
    isInside = entering !== undefined
    const { command: program, args } = entering ?? command
    return spawn(program, args, {
      cwd: command.cwd,
      detached: hasGroups(),
      env,
      ...(command.user && { uid: command.user.uid, gid: command.user.gid }),
      stdio: entering ? ['pipe', 'pipe', 'pipe', entry] : ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
    })
  }
  try {
    started = group ? group.withEntry(start) : start()
  } catch (error) {
    containment.release()
    return new FailedChild(Promise.resolve(errorCode(error)), settings.memory)
  }
  const { pid, stdin, stdout, stderr } = started
  // A program that was not found has pipes nevertheless; there are none if too many files are open.
  if (pid === undefined || !stdin || !stdout || !stderr) {
    const failure = new Promise<string>((resolve) => started.on('error', (error) => resolve(errorCode(error))))
    for (const pipe of [stdin, stdout, stderr]) pipe?.on('error', () => {}).destroy()
    containment.release()
    return new FailedChild(failure, settings.memory)
  }
  const child = new RunningChild(
    Object.assign(started, { pid }),
    { stdin, stdout, stderr },
    { ...settings, containment },
  )
  containment.started(pid)
  if (!isInside)
    group?.move(
      pid,
      () => child.exited,
      () => {
        if (!group.isLimited) return
        settings.log.error({ worker: child.worker }, 'the limits of a worker cannot be set, and it is ended')
        child.kill('start_failed')
      },
    )
  return child
}

/** A child that could not be started: it only reports its exit. */
export class FailedChild implements StartedChild {
  readonly id = undefined
  readonly worker = undefined
  readonly pid = undefined
  readonly gone: Promise<void> = Promise.resolve()
  readonly backlog = 0
  readonly exited = true
  readonly memoryBytes = undefined
  readonly memory: MemoryAccount
  readonly inputRequestMemory: MemoryAccount
  readonly #error: Promise<string>
  #listener: LineListener | undefined

  constructor(error: Promise<string>, memory: MemoryBudget) {
    this.#error = error
    this.memory = this.inputRequestMemory = memory.account(0)
  }

  send(): void {}

  roomFor(): Reservation {
    return 'reserved'
  }

  hold(): void {}

  listen(listener: LineListener): void {
    this.#listener = listener
    void this.#error.then((error) => {
      if (this.#listener === listener) listener.exit({ code: null, signal: null, expected: false, stderr: '', error })
    })
  }

  whenExited(listener: () => void): void {
    listener()
  }

  async close(): Promise<void> {}

  kill(): void {}

  exceed(): void {}
}

/** What programs look up of their user: what is configured goes before it. */
function environmentOf(user: SystemUser | undefined): Readonly<Record<string, string>> {
  return user ? { HOME: user.home, USER: user.name, LOGNAME: user.name } : {}
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN'
}
