/**
 * Bounds how many lines of a kind are logged in a second, since clients and servers can cause any number of them. Lines beyond the
 * bound are counted, and at the end of their second their number is reported, which is a line of the next second.
 */
import type { Clock, Timer } from './clock.ts'

const spanMs = 1000

interface Second {
  logged: number
  skipped: number
  end: Timer
}

export class LineLimit<Kind> {
  readonly #clock: Clock
  readonly #most: number
  readonly #report: (kind: Kind, skipped: number) => void
  /** The kinds of which a line was logged within the last second. */
  readonly #seconds = new Map<Kind, Second>()

  /**
   * @param most how many lines of a kind may be logged in a second
   * @param report logs how many lines of a kind were skipped
   */
  constructor(clock: Clock, most: number, report: (kind: Kind, skipped: number) => void) {
    this.#clock = clock
    this.#most = most
    this.#report = report
  }

  /** Whether a line may be logged, which counts it as logged; a line that may not is counted as skipped. */
  allows(kind: Kind): boolean {
    const isAllowed = this.hasRoom(kind)
    if (isAllowed) this.#secondOf(kind).logged++
    else this.skip(kind, 1)
    return isAllowed
  }

  /** The same without counting a line. */
  hasRoom(kind: Kind): boolean {
    return (this.#seconds.get(kind)?.logged ?? 0) < this.#most
  }

  /** Counts lines that are not logged. */
  skip(kind: Kind, count: number): void {
    this.#secondOf(kind).skipped += count
  }

  /** Reports at once how many lines were skipped, and begins anew. */
  flush(): void {
    const seconds = [...this.#seconds]
    this.stop()
    for (const [kind, { skipped }] of seconds) if (skipped > 0) this.#report(kind, skipped)
  }

  /** Forgets what was counted. */
  stop(): void {
    for (const { end } of this.#seconds.values()) end.stop()
    this.#seconds.clear()
  }

  #secondOf(kind: Kind): Second {
    return this.#seconds.get(kind) ?? this.#begin(kind)
  }

  #begin(kind: Kind): Second {
    const second: Second = { logged: 0, skipped: 0, end: this.#clock.after(spanMs, () => this.#end(kind)) }
    this.#seconds.set(kind, second)
    return second
  }

  #end(kind: Kind): void {
    const skipped = this.#seconds.get(kind)?.skipped ?? 0
    this.#seconds.delete(kind)
    if (skipped === 0) return
    this.#begin(kind).logged = 1
    this.#report(kind, skipped)
  }
}
