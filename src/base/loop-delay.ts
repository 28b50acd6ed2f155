/** The delay of the event loop: how late it comes to what is due. */
import { monitorEventLoopDelay } from 'node:perf_hooks'

export interface LoopDelay {
  /** The 99th percentile since the last call, in milliseconds: what is due was as late as this, or less, in 99 of 100 cases. */
  take(): number
  close(): void
}

/** How often the delay is measured, in milliseconds. It is part of what is measured, and taken off. */
const resolution = 20

export function watchLoopDelay(): LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution })
  histogram.enable()
  return {
    take() {
      // Without a sample, the loop was never reached in time to take one.
      const found = histogram.count === 0 ? 0 : histogram.percentile(99) / 1e6 - resolution
      histogram.reset()
      return Math.max(0, found)
    },
    close: () => void histogram.disable(),
  }
}
