/**
 * Starts the server's program: as given, or, where that is a launcher such as `npx`, directly once it is known what the
 * launcher runs.
 *
 * Promises: a program that can no longer be started directly is started as given from then on, and the first response
 * still arrives. No call is sent to two processes. Direct starts go on after a single failure, and after failures that
 * a start as given has, too.
 */
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { WorkerEnd } from '../../base/events.ts'
import type { Log } from '../../base/log.ts'
import type { Reservation, MemoryAccount } from '../../base/memory-budget.ts'
import type { WorkerId } from '../../protocol/call.ts'
import type { WorkerExit } from '../worker-exit.ts'
import type { LineListener } from '../connection/line-transport.ts'
import type { Child, ChildCommand } from './child.ts'
import { isNpxCommand, launchedBy, scriptOf } from './npx-command.ts'

export interface DirectStart {
  /** @param purpose for the event `workerStarted` */
  start(purpose: string): Child
  /** A worker that was started as given has answered: what it runs can be started directly from now on. */
  answered(worker: WorkerId | undefined): Promise<void>
}

export interface DirectStartNeeds {
  readonly command: ChildCommand
  readonly startChild: (command: ChildCommand, purpose: string) => Child
  readonly clock: Clock
  readonly log: Log
  /** How long a process may take to its first response, in milliseconds. */
  readonly startTimeoutMs: number
}

/** Direct starts are given up after this many failures within `windowMs`. */
const maxFailures = 3
const windowMs = 10 * 60_000

export function createDirectStart(needs: DirectStartNeeds): DirectStart {
  const { command: given, clock, log } = needs
  let direct: ChildCommand | undefined
  let failures: number[] = []
  let isNextAsGiven = false
  /** The processes that were started as given, until one of them has answered. */
  let asGiven: Child[] | undefined = []

  const startAsGiven = (purpose: string): Child => {
    const child = needs.startChild(given, purpose)
    asGiven?.push(child)
    return child
  }
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
      if (!direct || isNextAsGiven) {
        isNextAsGiven = false
        return startAsGiven(purpose)
      }
      return new DirectChild({
        child: needs.startChild(direct, purpose),
        replaced: failed,
        lost() {
          // The launcher was not tried in its place: the next process is started with it.
          isNextAsGiven = true
          failed()
        },
        startReplacement: () => needs.startChild(given, purpose),
        isLate: (sinceMs) => clock.now() - sinceMs >= needs.startTimeoutMs / 2,
        now: () => clock.now(),
      })
    },
    async answered(worker) {
      const pid = asGiven?.find(({ id }) => id !== undefined && id === worker)?.pid
      asGiven = undefined
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

/** Whether the program and its script still exist: the cache of a launcher can be emptied at any time. */
function isThere({ command, args }: ChildCommand): boolean {
  const script = scriptOf(command, ['node', ...args])
  return existsSync(command) && script !== undefined && existsSync(script)
}

interface DirectNeeds {
  readonly child: Child
  /** The process ended or was silent, and its replacement has answered. */
  readonly replaced: () => void
  /** The process ended or was silent, and cannot be replaced. */
  readonly lost: () => void
  /** Starts the replacement. */
  readonly startReplacement: () => Child
  /** Whether a process that was first written to at that time should have answered by now. */
  readonly isLate: (sinceMs: number) => boolean
  readonly now: () => number
}

/** A process started directly. If it ends before its first line, a replacement is started as given and sent the same. */
class DirectChild implements Child {
  readonly #needs: DirectNeeds
  #child: Child
  #listener: LineListener | undefined
  /** The lines that were sent before its first line. */
  #sentLines: string[] = []
  #hasOnlyHandshake = true
  #firstSentMs: number | undefined
  /** No replacement is possible any more: it has spoken, was replaced, or is to end. */
  #settled = false
  /** It was replaced, and the replacement has said nothing yet: the same lines may end it, too. */
  #isReplacementSilent = false
  #onExited: (() => void) | undefined

  constructor(needs: DirectNeeds) {
    this.#needs = needs
    this.#child = needs.child
    this.#child.whenExited(() => this.#tellExited())
  }

  whenExited(listener: () => void): void {
    this.#onExited = listener
    this.#tellExited()
  }

  /** Tells the listener once that it has exited, if it has and is not replaced. */
  #tellExited(): void {
    if (!this.exited) return
    const told = this.#onExited
    this.#onExited = undefined
    told?.()
  }

  /** That of the process that runs now: a replacement has another one, until the first response at the latest. */
  get id(): WorkerId | undefined {
    return this.#child.id
  }
  get worker(): number | undefined {
    return this.#child.worker
  }
  get pid(): number | undefined {
    return this.#child.pid
  }
  get memoryBytes(): number | undefined {
    return this.#child.memoryBytes
  }
  get backlog(): number {
    return this.#child.backlog
  }
  get memory(): MemoryAccount {
    return this.#child.memory
  }
  get inputRequestMemory(): MemoryAccount {
    return this.#child.inputRequestMemory
  }
  get exited(): boolean {
    return this.#child.exited && !this.#canBeReplaced
  }

  get #canBeReplaced(): boolean {
    return !this.#settled && this.#hasOnlyHandshake
  }

  send(line: string): void {
    if (!this.#settled) {
      this.#hasOnlyHandshake &&= isHandshake(line)
      // Lines that may not be sent twice need not be kept.
      if (this.#hasOnlyHandshake) this.#sentLines.push(line)
      this.#firstSentMs ??= this.#needs.now()
      this.#tellExited()
    }
    this.#child.send(line)
  }

  listen(listener: LineListener): void {
    this.#listener = listener
    this.#listenTo(this.#child)
  }

  roomFor(bytes: number): Reservation {
    return this.#child.roomFor(bytes)
  }

  hold(isHeld: boolean): void {
    this.#child.hold(isHeld)
  }

  close(reason?: WorkerEnd): Promise<void> {
    if (!this.#settled && this.#firstSentMs !== undefined && this.#needs.isLate(this.#firstSentMs)) this.#needs.lost()
    this.#settle()
    return this.#child.close(reason)
  }

  kill(reason?: WorkerEnd): void {
    this.#settle()
    this.#child.kill(reason)
  }

  #settle(): void {
    this.#settled = true
    this.#sentLines = []
    this.#tellExited()
  }

  #listenTo(child: Child): void {
    child.listen({
      line: (text) => {
        if (!this.#settled) this.#settle()
        if (this.#isReplacementSilent) this.#needs.replaced()
        this.#isReplacementSilent = false
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

  #exited(exit: WorkerExit): void {
    const lines = this.#sentLines
    const isReplaced = this.#canBeReplaced
    if (!this.#settled && !isReplaced) this.#needs.lost()
    if (!isReplaced) {
      this.#settle()
      this.#listener?.exit(exit)
      return
    }
    this.#child = this.#needs.startReplacement()
    this.#settle()
    this.#child.whenExited(() => this.#tellExited())
    this.#isReplacementSilent = true
    this.#listenTo(this.#child)
    for (const line of lines) this.#child.send(line)
  }
}

/** Whether a line of ours is a handshake. A handshake may be sent twice; anything else may have had an effect already. */
function isHandshake(line: string): boolean {
  return /^\{"jsonrpc":"2\.0","id":\d+,"method":"(?:initialize|server\/discover)"/.test(line)
}
