/**
 * Ends the processes of a worker step by step: SIGTERM after a while, SIGKILL 3 s later, until none is left; first its
 * process group, then the processes that left the group. The caller does the gentlest step, closing stdin, and reports
 * when the leader has exited.
 */
import { type Clock, pause, type Timer } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { isRunning } from '../../base/proc-stat.ts'
import type { Strays, WorkerContainment } from './containment.ts'
import { groupExists, signalGroup, signalProcess } from './process-group.ts'

/** From SIGTERM to SIGKILL. */
const killAfterMs = 3000
/** From SIGKILL to giving up: only zombies that no parent collects, or a hung kernel, outlast it. */
const giveUpAfterMs = 2000
/** On a busy machine scans are slow: giving up is postponed this often until there were enough of them. */
const maxPostponements = 2
const enoughScans = 3
const firstScanMs = 10
const longestScanMs = 160

export interface TerminationNeeds {
  /** The id of the process group, which is the pid of its leader. */
  readonly pgid: number
  readonly containment: WorkerContainment
  readonly clock: Clock
  readonly log: Log
  /** Called once, when no process is left. */
  readonly onGone: () => void
}

/** `polite`: SIGTERM has not been sent yet. */
type State = 'running' | 'polite' | 'terminated' | 'killed' | 'gone'

export class Termination {
  readonly #needs: TerminationNeeds
  /** The next step. */
  #step: Timer | undefined
  #state: State = 'running'
  #leaderExited = false
  #groupGone = false
  #scansSinceKill = 0
  #postponements = 0
  /** Strays that got SIGTERM: many programs take a second one for a demand to end at once. */
  readonly #terminated = new Set<string>()
  /** Groups led by strays, while they have members: these may include processes without the mark. */
  readonly #strayGroups = new Set<number>()

  constructor(needs: TerminationNeeds) {
    this.#needs = needs
  }

  /** Starts the termination: SIGTERM in `termAfterMs` milliseconds. Does nothing if it has started already. */
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

  /** The leader has exited: from now on the group may be gone. Remaining members are ended, too. */
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

  /** Does nothing once the group is gone: its id may have been reused. */
  #signalGroup(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#groupGone) return
    signalGroup(this.#needs.pgid, signal)
    // A stopped process handles SIGTERM only when it continues.
    if (signal === 'SIGTERM') signalGroup(this.#needs.pgid, 'SIGCONT')
  }

  async #untilGone(): Promise<void> {
    const { pgid, containment, clock } = this.#needs
    for (let ms = firstScanMs; groupExists(pgid); ms = Math.min(ms * 2, longestScanMs)) {
      this.begin(0)
      await pause(clock, ms)
      if (this.#isGone) return
    }
    this.#groupGone = true
    containment.groupGone()
    for (let ms = firstScanMs; !this.#isGone; ms = Math.min(ms * 2, longestScanMs)) {
      const { known, isEmpty } = await this.#signalStrays()
      if (isEmpty) {
        this.#gone()
        return
      }
      this.begin(0)
      // As long as all of them run, the next scan can wait.
      do await pause(clock, ms)
      while (!this.#isGone && known.length > 0 && known.every(isRunning))
    }
  }

  /** Sends the strays the signal that the group got. Processes forked meanwhile are found by the next scan. */
  async #signalStrays(): Promise<Strays> {
    const wasKilled = this.#state === 'killed'
    const { containment, log } = this.#needs
    const strays = await containment.strays()
    if (wasKilled) {
      this.#scansSinceKill++
      containment.killStrays()
    }
    for (const stray of strays.known) {
      if (stray.pid === stray.group) this.#strayGroups.add(stray.group)
      const key = `${stray.pid} ${stray.startedAt}`
      if (this.#state === 'killed') signalProcess(stray, 'SIGKILL')
      else if (this.#state === 'terminated' && !this.#terminated.has(key)) {
        this.#terminated.add(key)
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
    if (this.#groupGone && this.#scansSinceKill < enoughScans && this.#postponements < maxPostponements) {
      this.#postponements++
      this.#step = clock.after(giveUpAfterMs, () => this.#giveUp())
      return
    }
    if (this.#groupGone && this.#scansSinceKill === 0)
      log.warn(
        { worker: containment.worker },
        'it is not known whether a worker left processes: the machine is too busy to look',
      )
    else {
      const hint = this.#leaderExited
        ? 'zombies stay when their parent does not collect them: run under an init'
        : 'the kernel holds it'
      const what = this.#groupGone
        ? 'processes that left the process group of a worker'
        : 'the process group of a worker'
      log.warn({ worker: containment.worker, hint }, `${what} did not end`)
    }
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
