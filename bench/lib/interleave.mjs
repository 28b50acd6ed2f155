// Lets targets take turns in short slices, so that whatever else the machine does in that minute falls on all of them
// alike. One round is several slices of each target; CPU and calls are summed over them.

import { lowerQuartile, median } from './report.mjs'

/**
 * One round: each of `targets` (`{ key, name, server, tool?, names? }`) runs the closed loop `slices` times for `sliceMs`.
 * Resolves to key -> `{ cpuUs, calmCpuUs, perSecond, p50, p99 }`: CPU of the server process per answer, over all slices and in
 * the calmer ones (their lower quartile: other load only adds to what a call costs), and the rest as the load saw it.
 */
export async function takeTurns({ ask, calm, targets, what, slices, sliceMs, count }) {
  const sums = new Map(targets.map(({ key }) => [key, { cpuMs: 0, ok: 0, seconds: 0, cpuUs: [], p50: [], p99: [] }]))
  for (let slice = 0; slice < slices; slice += 1)
    for (const { key, name = key, server, tool, names } of targets) {
      const sum = sums.get(key)
      const { result, cpuMs } = await calm.measure(async () => {
        const before = server.cpuMs()
        const answer = await ask('closed', { name, what, tool, names, ms: sliceMs })
        count(key, answer)
        return { result: answer, cpuMs: server.cpuMs() - before }
      })
      sum.cpuMs += cpuMs
      sum.ok += result.ok
      sum.cpuUs.push((cpuMs * 1000) / result.ok)
      sum.seconds += result.seconds
      sum.p50.push(result.p50)
      sum.p99.push(result.p99)
    }
  return new Map(
    [...sums].map(([key, { cpuMs, ok, seconds, cpuUs, p50, p99 }]) => {
      const calmCpuUs = lowerQuartile(cpuUs)
      return [
        key,
        { cpuUs: (cpuMs * 1000) / ok, calmCpuUs, perSecond: ok / seconds, p50: median(p50), p99: median(p99) },
      ]
    }),
  )
}
