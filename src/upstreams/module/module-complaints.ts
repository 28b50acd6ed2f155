/**
 * What a module does that harms others, named in the log and in the health report: it throws where nothing catches the
 * error, calls `process.exit`, or computes for so long that nothing else of this process runs.
 */
import type { Clock, Timer } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { threadCpuMs } from '../../base/thread-cpu.ts'
import { terminalSafe } from '../../base/terminal-safe.ts'
import type { ObjectEnd } from './object-host.ts'

const lookEveryMs = 500
/** From here on the process counts as blocked: a timer came so much too late. */
const blockedMs = 1000
/** The least share of that in which the thread must have computed: else the machine has not let it run. */
const leastShare = 0.25
/** A complaint is in the health report for so long. */
const rememberedMs = 10 * 60_000
/** Complaints that are logged within `rememberedMs`. */
const maxLogged = 100

export interface ComplaintsNeeds {
  readonly log: Log
  readonly clock: Clock
  /** The server objects in this thread. */
  readonly objects: () => Iterable<{ readonly worker: number; readonly activeAtMs: number }>
  /** How long this thread has computed since some moment, in milliseconds. */
  readonly cpuMs?: () => number
}

export class ModuleComplaints {
  readonly #needs: ComplaintsNeeds
  readonly #timer: Timer
  #lastLookMs: number
  #lastCpuMs: number
  #last: { readonly what: string; readonly atMs: number } | undefined
  #logged = 0

  constructor(needs: ComplaintsNeeds) {
    this.#needs = needs
    this.#lastLookMs = needs.clock.now()
    this.#lastCpuMs = this.#cpuMs()
    this.#timer = needs.clock.every(lookEveryMs, () => this.#look())
  }

  /** The last complaint, in words for operators without text of the module; undefined if there was none of late. */
  get last(): string | undefined {
    const { clock } = this.#needs
    if (!this.#last || clock.now() - this.#last.atMs > rememberedMs) return undefined
    return `the module has failed: ${this.#last.what}`
  }

  /** @param worker the number of the server object that is to blame; undefined if it is none of them */
  add({ what, error }: ObjectEnd, worker?: number): void {
    const { clock, log } = this.#needs
    if (this.last === undefined) this.#logged = 0
    this.#last = { what, atMs: clock.now() }
    if (++this.#logged > maxLogged) return
    log.error({ worker, reason: what, 'err.message': terminalSafe(error ?? '') }, 'module has failed')
  }

  close(): void {
    this.#timer.stop()
  }

  #cpuMs(): number {
    return (this.#needs.cpuMs ?? threadCpuMs)()
  }

  /**
   * If this look comes late and the thread has computed meanwhile, something has kept it busy: the objects that were active
   * are named. A thread that a busy machine does not let run comes late as well, and computes little.
   */
  #look(): void {
    const { clock, log, objects } = this.#needs
    const nowMs = clock.now()
    const sinceMs = this.#lastLookMs
    const lateMs = nowMs - sinceMs - lookEveryMs
    this.#lastLookMs = nowMs
    const cpuMs = this.#cpuMs()
    const usedMs = cpuMs - this.#lastCpuMs
    this.#lastCpuMs = cpuMs
    if (lateMs < blockedMs || usedMs < Math.max(blockedMs, lateMs * leastShare)) return
    const atWork = [...objects()].filter(({ activeAtMs }) => activeAtMs >= sinceMs)
    if (atWork.length === 0) return
    const what = `it has blocked all of mcplex for ${Math.round(lateMs / 100) / 10} s`
    this.#last = { what, atMs: nowMs }
    log.warn(
      { workers: atWork.slice(0, 10).map(({ worker }) => worker), blockedMs: lateMs },
      'the event loop was blocked while this module was at work; isolate: true runs it in a thread of its own',
    )
  }
}
