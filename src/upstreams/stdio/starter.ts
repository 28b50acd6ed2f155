/**
 * Starts the server's program: as it was given, or, where that is a launcher such as `npx`, directly once it is known
 * what the launcher runs.
 *
 * Promises: a program that cannot be started directly any more is started as it was given from then on; whoever
 * waits for the first answer of a process gets it all the same. No call is said to two processes.
 */
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Child, ChildCommand, ChildExit, ChildListener } from './child.ts'
import { isLauncher, launchedBy, scriptOf } from './launcher.ts'

export interface Starter {
  /** @param purpose what the process is for, as `processStarted` tells it */
  start(purpose: string): Child
  /** Tells of a process that was started as given and has answered: what it runs can be started directly. */
  answered(pid: number | undefined): Promise<void>
}

export interface StarterNeeds {
  readonly command: ChildCommand
  readonly startChild: (command: ChildCommand, purpose: string) => Child
  readonly clock: Clock
  readonly log: Log
  /** How long a process may take to its first answer. */
  readonly startTimeoutMs: number
}

export function createStarter(needs: StarterNeeds): Starter {
  const { command: given, clock, log } = needs
  let direct: ChildCommand | undefined

  const fallBack = (): void => {
    if (!direct) return
    direct = undefined
    log.info({ command: basename(given.command) }, 'upstream is started through its launcher again')
  }

  return {
    start(purpose) {
      if (direct && !isThere(direct)) fallBack()
      if (!direct) return needs.startChild(given, purpose)
      return new DirectChild({
        child: needs.startChild(direct, purpose),
        failed: fallBack,
        another: () => needs.startChild(given, purpose),
        isLate: (sinceMs) => clock.now() - sinceMs >= needs.startTimeoutMs / 2,
        now: () => clock.now(),
      })
    },
    async answered(pid) {
      if (pid === undefined || !isLauncher(given.command, given.args)) return
      const found = await launchedBy(pid)
      if (!found || !isThere(found)) return
      direct = found
      log.info({ command: basename(found.command) }, 'upstream is started directly from now on')
    },
  }
}

/** Whether the program and its script are where they were: a launcher's cache can be emptied at any time. */
function isThere({ command, args }: ChildCommand): boolean {
  const script = scriptOf(command, ['node', ...args])
  return existsSync(command) && script !== undefined && existsSync(script)
}

interface DirectNeeds {
  readonly child: Child
  /** The direct start has failed. */
  readonly failed: () => void
  /** Starts the process that takes over. */
  readonly another: () => Child
  /** Whether who was spoken to at that time should have answered. */
  readonly isLate: (sinceMs: number) => boolean
  readonly now: () => number
}

/** A process started directly. If it ends before its first word, another is started as given, and told the same. */
class DirectChild implements Child {
  readonly #needs: DirectNeeds
  #child: Child
  #listener: ChildListener | undefined
  /** What it was told before its first word. */
  #told: string[] = []
  #spokenToMs: number | undefined
  /** Nothing is to be made good any more: it spoke, was replaced, or is to end. */
  #settled = false

  constructor(needs: DirectNeeds) {
    this.#needs = needs
    this.#child = needs.child
  }

  get pid(): number | undefined {
    return this.#child.pid
  }
  get backlog(): number {
    return this.#child.backlog
  }
  get exited(): boolean {
    return this.#child.exited && !this.#canBeReplaced
  }

  get #canBeReplaced(): boolean {
    return !this.#settled && this.#told.every(isHandshake)
  }

  send(line: string): void {
    if (!this.#settled) {
      this.#told.push(line)
      this.#spokenToMs ??= this.#needs.now()
    }
    this.#child.send(line)
  }

  listen(listener: ChildListener): void {
    this.#listener = listener
    this.#listenTo(this.#child)
  }

  hold(isHeld: boolean): void {
    this.#child.hold(isHeld)
  }

  close(): Promise<void> {
    if (!this.#settled && this.#spokenToMs !== undefined && this.#needs.isLate(this.#spokenToMs)) this.#needs.failed()
    this.#settle()
    return this.#child.close()
  }

  kill(): void {
    this.#settle()
    this.#child.kill()
  }

  #settle(): void {
    this.#settled = true
    this.#told = []
  }

  #listenTo(child: Child): void {
    child.listen({
      line: (text) => {
        if (!this.#settled) this.#settle()
        this.#listener?.line(text)
      },
      dropped: (bytes) => {
        this.#settle()
        this.#listener?.dropped(bytes)
      },
      exit: (exit) => this.#exited(exit),
    })
  }

  #exited(exit: ChildExit): void {
    const again = this.#told
    const isReplaced = this.#canBeReplaced
    if (!this.#settled) this.#needs.failed()
    this.#settle()
    if (!isReplaced) {
      this.#listener?.exit(exit)
      return
    }
    this.#child = this.#needs.another()
    this.#listenTo(this.#child)
    for (const line of again) this.#child.send(line)
  }
}

/** A greeting may be said twice; anything else may have had an effect before the process ended. */
function isHandshake(line: string): boolean {
  const { method }: { method?: unknown } = JSON.parse(line)
  return method === 'initialize' || method === 'server/discover'
}
