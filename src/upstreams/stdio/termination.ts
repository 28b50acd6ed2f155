/**
 * The end of a worker's processes, step by step: SIGTERM after a while, SIGKILL 3 s later, until none is left; first of
 * its process group, then of what left that group. Closing the child's input, the gentlest step, is the caller's, and
 * so is telling when the leader exited.
 */
import { type Clock, pause, type Timer } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { isRunning } from '../../base/proc-stat.ts'
import type { Strays, WorkerContainment } from './containment.ts'
import { groupExists, signalGroup, signalProcess } from './process-group.ts'

/** From SIGTERM to SIGKILL. */
const killAfterMs = 3000
/** From SIGKILL to giving up: only zombies that nobody collects, or a hung kernel, outlast it. */
const giveUpAfterMs = 2000
/** On a busy machine a look may take its time: so often the end is put off until there were enough of them. */
const maxRespites = 2
const enoughLooks = 3
const firstLookMs = 10
const lastLookMs = 160

export interface TerminationNeeds {
  /** The id of the process group: that of its leader. */
  readonly pgid: number
  readonly containment: WorkerContainment
  readonly clock: Clock
  readonly log: Log
  /** Called once, when no process is left. */
  readonly onGone: () => void
}

/** `polite`: SIGTERM is still to come. */
type State = 'running' | 'polite' | 'terminated' | 'killed' | 'gone'

export class Termination {
  readonly #needs: TerminationNeeds
  /** The next step. */
  #step: Timer | undefined
  #state: State = 'running'
  #leaderExited = false
  #groupGone = false
  #looksSinceKill = 0
  #respites = 0
  /** Strays that got SIGTERM: a second one would be taken for impatience. */
  readonly #told = new Set<string>()
  /** Groups that strays lead, while they have members: what changed its environment may be among those. */
  readonly #strayGroups = new Set<number>()

  constructor(needs: TerminationNeeds) {
    this.#needs = needs
  }

  /** Begins the end: SIGTERM in `termAfterMs` milliseconds. Changes nothing when it has begun. */
  begin(termAfterMs: number): void {
    if (this.#state !== 'running') return
    this.#state = 'polite'
    if (termAfterMs > 0) this.#step = this.#needs.clock.after(termAfterMs, () => this.#terminate())
    else this.#terminate()
  }

  /** SIGKILL at once. */
  kill(): void {
    if (this.#state === 'killed' || this.#state === 'gone') return
    this.#state = 'killed'
    this.#step?.stop()
    this.#signalGroup('SIGKILL')
    this.#needs.containment.killStrays()
    void this.#signalStrays()
    this.#step = this.#needs.clock.after(giveUpAfterMs, () => this.#giveUp())
  }

  /** The leader was collected: from now on the group may be gone. What is left of it is ended, too. */
  leaderExited(): void {
    this.#leaderExited = true
    void this.#untilGone()
  }

  #terminate(): void {
    this.#state = 'terminated'
    this.#signalGroup('SIGTERM')
    void this.#signalStrays()
    this.#step = this.#needs.clock.after(killAfterMs, () => this.kill())
  }

  /** The id of a group that is gone may be another's. */
  #signalGroup(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#groupGone) return
    signalGroup(this.#needs.pgid, signal)
    // One that is stopped hears of SIGTERM only when it goes on.
    if (signal === 'SIGTERM') signalGroup(this.#needs.pgid, 'SIGCONT')
  }

  async #untilGone(): Promise<void> {
    const { pgid, containment, clock } = this.#needs
    for (let ms = firstLookMs; groupExists(pgid); ms = Math.min(ms * 2, lastLookMs)) {
      this.begin(0)
      await pause(clock, ms)
      if (this.#isGone) return
    }
    this.#groupGone = true
    containment.groupGone()
    for (let ms = firstLookMs; !this.#isGone; ms = Math.min(ms * 2, lastLookMs)) {
      const { known, isEmpty } = await this.#signalStrays()
      if (isEmpty) {
        this.#gone()
        return
      }
      this.begin(0)
      // While all of them are there, looking for others can wait.
      do await pause(clock, ms)
      while (!this.#isGone && known.length > 0 && known.every(isRunning))
    }
  }

  /** Tells those that left the group what the group was told, and what was forked meanwhile at the next look. */
  async #signalStrays(): Promise<Strays> {
    const wasKilled = this.#state === 'killed'
    const { containment, log } = this.#needs
    const strays = await containment.strays()
    if (wasKilled) {
      this.#looksSinceKill++
      containment.killStrays()
    }
    for (const stray of strays.known) {
      if (stray.pid === stray.group) this.#strayGroups.add(stray.group)
      const key = `${stray.pid} ${stray.startedAt}`
      if (this.#state === 'killed') signalProcess(stray, 'SIGKILL')
      else if (this.#state === 'terminated' && !this.#told.has(key)) {
        this.#told.add(key)
        log.debug(
          { worker: containment.worker, pid: stray.pid },
          'a process that left the process group of a worker is ended',
        )
        signalProcess(stray, 'SIGTERM')
        signalProcess(stray, 'SIGCONT')
      }
    }
    for (const group of this.#strayGroups) {
      if (!groupExists(group)) this.#strayGroups.delete(group)
      else if (this.#state === 'killed') signalGroup(group, 'SIGKILL')
    }
    return { ...strays, isEmpty: strays.isEmpty && this.#strayGroups.size === 0 }
  }

  get #isGone(): boolean {
    return this.#state === 'gone'
  }

  #giveUp(): void {
    const { clock, log, containment } = this.#needs
    if (this.#groupGone && this.#looksSinceKill < enoughLooks && this.#respites < maxRespites) {
      this.#respites++
      this.#step = clock.after(giveUpAfterMs, () => this.#giveUp())
      return
    }
    const hint = this.#leaderExited
      ? 'zombies stay when their parent does not collect them: run under an init'
      : 'the kernel holds it'
    const what = this.#groupGone ? 'processes that left the process group of a worker' : 'the process group of a worker'
    log.warn({ worker: containment.worker, hint }, `${what} did not end`)
    this.#gone()
  }

  #gone(): void {
    if (this.#state === 'gone') return
    this.#state = 'gone'
    this.#step?.stop()
    if (!this.#groupGone) this.#needs.containment.groupGone()
    this.#needs.containment.release()
    this.#needs.onGone()
  }
}
