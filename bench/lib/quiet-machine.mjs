// Measures while the machine has no other work. It waits for a quiet moment; a measurement during which other processes took more
// than a few percent of the machine all the same is made again, a few times at most, and the calmest one counts.
// On a machine of its own that costs a tenth of a second each; on a busy one the waiting of a whole run is bounded.

import { busyMs, coreCount, cpuMsWithReapedOf } from './machine.mjs'

const calmEnough = 0.06
const lookMs = 100

/**
 * @param ownPids gives the pids whose work is part of the measurement
 * @param tries how often a measurement is made at most
 * @param budgetMs how long to wait for quiet moments in all; also bounds the repetitions
 */
export function createCalm(ownPids, tries, budgetMs) {
  let worst = 0
  let left = budgetMs
  const ownMs = () => {
    let sum = 0
    for (const pid of ownPids()) {
      try {
        sum += cpuMsWithReapedOf(pid)
      } catch {
        // It ended meanwhile: what it used is its parent's now.
      }
    }
    return sum
  }
  const quiet = async () => {
    for (let busy = 1; busy > calmEnough && left > 0; left -= lookMs) {
      const from = busyMs()
      await new Promise((resolve) => setTimeout(resolve, lookMs))
      busy = (busyMs() - from) / (lookMs * coreCount())
      if (busy <= calmEnough) return
    }
  }
  return {
    /** The largest share of the machine that others had during a measurement that counted. */
    get worst() {
      return worst
    },
    /** Resolves to what the calmest run of `work` resolved to. */
    async measure(work) {
      let best
      for (let attempt = 0; attempt < tries; attempt += 1) {
        await quiet()
        const from = { at: performance.now(), own: ownMs(), busy: busyMs() }
        const result = await work()
        const wallMs = (performance.now() - from.at) * coreCount()
        const share = Math.max(0, (busyMs() - from.busy - (ownMs() - from.own)) / wallMs)
        if (best === undefined || share < best.share) best = { share, result }
        if (share < calmEnough || left <= 0) break
        left -= wallMs / coreCount()
      }
      worst = Math.max(worst, best.share)
      return best.result
    },
  }
}
