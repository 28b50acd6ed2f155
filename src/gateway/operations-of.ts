/** What an operator does at the name of an upstream: it holds for those of tenants (tenant-setups.ts) as well. */
import type { ControlState, UpstreamOperations } from '../upstreams/control/operations.ts'

/**
 * The operations of several upstreams as one. Its states are those of the first.
 * @param all asked for each operation
 */
export function operationsOf(first: UpstreamOperations, all: () => readonly UpstreamOperations[]): UpstreamOperations {
  const atEach = (act: (one: UpstreamOperations) => ControlState): ControlState => {
    for (const one of all()) act(one)
    return first.state()
  }
  return {
    state: () => first.state(),
    pause: (forMs) => atEach((one) => one.pause(forMs)),
    resume: () => atEach((one) => one.resume()),
    disable: () => atEach((one) => one.disable()),
    enable: () => atEach((one) => one.enable()),
    breaker: (word) => atEach((one) => one.breaker(word)),
    async recycle() {
      await Promise.all(all().map((one) => one.recycle()))
    },
    workers: () => first.workers(),
  }
}

/** Does at one upstream what is in force at another one of its name. */
export function holdAs(one: UpstreamOperations, { access, resumesInMs, breaker }: ControlState): void {
  if (resumesInMs !== undefined && resumesInMs >= 1) one.pause(Math.ceil(resumesInMs))
  if (access === 'disabled') one.disable()
  if (breaker.isForced) one.breaker(breaker.state === 'closed' ? 'close' : 'open')
}
