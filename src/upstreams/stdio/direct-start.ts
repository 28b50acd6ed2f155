/**
 * Starts the server's program: as it was given, or, where that is a launcher such as `npx`, directly once it is known
 * what the launcher runs.
 *
 * Promises: a program that cannot be started directly any more is started as it was given from then on; whoever
 * waits for the first answer of a process gets it all the same. No call is said to two processes. What ends a process
 * in whichever way it was started is no reason to give the direct start up, and one that dies once is none either.
 */
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Kept, MemoryAccount } from '../../base/memory-budget.ts'
import type { Child, ChildCommand, ChildExit, ChildListener } from './child.ts'
import { isNpxCommand, launchedBy, scriptOf } from './npx-command.ts'

export interface DirectStart {
  /** @param purpose what the process is for, as `processStarted` tells it */
  start(purpose: string): Child
  /** Tells of a process that was started as given and has answered: what it runs can be started directly. */
  answered(pid: number | undefined): Promise<void>
}

export interface DirectStartNeeds {
  readonly command: ChildCommand
  readonly startChild: (command: ChildCommand, purpose: string) => Child
  readonly clock: Clock
  readonly log: Log
  /** How long a process may take to its first answer. */
  readonly startTimeoutMs: number
}

/** So many direct starts may fail within this time; then it is given up. */
const maxFailures = 3
const windowMs = 10 * 60_000

export function createDirectStart(needs: DirectStartNeeds): DirectStart {
  const { command: given, clock, log } = needs
  let direct: ChildCommand | undefined
  let failures: number[] = []
  let isLaunchedNext = false

  const fallBack = (): void => {
    if (!direct) return
    direct = undefined
    log.info({ command: basename(given.command) }, 'the server is started as given again, by its package runner')
  }
  const failed = (): void => {
    const now = clock.now()
    failures = [...failures.filter((at) => at > now - windowMs), now]
    if (failures.length >= maxFailures) fallBack()
  }

  return {
    start(purpose) {
      if (direct && !isThere(direct)) fallBack()
      if (!direct || isLaunchedNext) {
        isLaunchedNext = false
        return needs.startChild(given, purpose)
      }
      return new DirectChild({
        child: needs.startChild(direct, purpose),
        replaced: failed,
        lost() {
          // Nobody has tried the launcher in its place: the next process does.
          isLaunchedNext = true
          failed()
        },
        another: () => needs.startChild(given, purpose),
        isLate: (sinceMs) => clock.now() - sinceMs >= needs.startTimeoutMs / 2,
        now: () => clock.now(),
      })
    },
    async answered(pid) {
      if (pid === undefined || !isNpxCommand(given.command, given.args)) return
      const found = await launchedBy(pid)
      if (!found || !isThere(found)) return
      direct = found
      log.debug(
        { command: basename(found.command) },
        'further workers run the program of the server without the package runner',
      )
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
  /** The process ended or was silent, and the one that took over has answered. */
  readonly replaced: () => void
  /** The process ended or was silent, and none can take over. */
  readonly lost: () => void
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
  #isGreetedOnly = true
  #spokenToMs: number | undefined
  /** Nothing is to be made good any more: it spoke, was replaced, or is to end. */
  #settled = false
  /** It was replaced, and the one that took over has said nothing yet: it may end by the same words. */
  #isUnproven = false

  constructor(needs: DirectNeeds) {
    this.#needs = needs
    this.#child = needs.child
  }

  get worker(): number | undefined {
    return this.#child.worker
  }
  get pid(): number | undefined {
    return this.#child.pid
  }
  get backlog(): number {
    return this.#child.backlog
  }
  get memory(): MemoryAccount {
    return this.#child.memory
  }
  get questionMemory(): MemoryAccount {
    return this.#child.questionMemory
  }
  get exited(): boolean {
    return this.#child.exited && !this.#canBeReplaced
  }

  get ending(): boolean {
    return this.#child.ending
  }

  get #canBeReplaced(): boolean {
    return !this.#settled && this.#isGreetedOnly
  }

  send(line: string): void {
    if (!this.#settled) {
      this.#isGreetedOnly &&= isHandshake(line)
      // What may not be said twice need not be kept.
      if (this.#isGreetedOnly) this.#told.push(line)
      this.#spokenToMs ??= this.#needs.now()
    }
    this.#child.send(line)
  }

  listen(listener: ChildListener): void {
    this.#listener = listener
    this.#listenTo(this.#child)
  }

  roomFor(bytes: number): Kept {
    return this.#child.roomFor(bytes)
  }

  hold(isHeld: boolean): void {
    this.#child.hold(isHeld)
  }

  close(): Promise<void> {
    if (!this.#settled && this.#spokenToMs !== undefined && this.#needs.isLate(this.#spokenToMs)) this.#needs.lost()
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
        if (this.#isUnproven) this.#needs.replaced()
        this.#isUnproven = false
        this.#listener?.line(text)
      },
      dropped: (line) => {
        this.#settle()
        this.#listener?.dropped(line)
      },
      drained: () => this.#listener?.drained?.(),
      exit: (exit) => this.#exited(exit),
    })
  }

  #exited(exit: ChildExit): void {
    const again = this.#told
    const isReplaced = this.#canBeReplaced
    if (!this.#settled && !isReplaced) this.#needs.lost()
    this.#settle()
    if (!isReplaced) {
      this.#listener?.exit(exit)
      return
    }
    this.#child = this.#needs.another()
    this.#isUnproven = true
    this.#listenTo(this.#child)
    for (const line of again) this.#child.send(line)
  }
}

/** Lines of our own. A greeting may be said twice; anything else may have had an effect before the process ended. */
function isHandshake(line: string): boolean {
  return /^\{"jsonrpc":"2\.0","id":\d+,"method":"(?:initialize|server\/discover)"/.test(line)
}
