/** A server that is not started because a limit of its processes cannot be enforced. */
import type { UnenforceableLimit } from './unenforceable-limits.ts'

/** The limits as operators know them. */
export const limitPaths: Readonly<Record<UnenforceableLimit['key'], string>> = {
  limitMemoryBytes: 'limits.memory',
  limitCpu: 'limits.cpu',
  limitPids: 'limits.pids',
  limitUser: 'limits.user',
}

export class LimitError extends Error {
  constructor({ key, fault, ways }: UnenforceableLimit) {
    super(`${limitPaths[key]} ${fault}; ${ways.join(', or ')}`)
    this.name = 'LimitError'
  }
}
