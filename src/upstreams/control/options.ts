/** The settings of what stands in front of the calls of an upstream. */
import type { OptionTable } from '../../base/option.ts'

export interface ControlSettings {
  /** Calls that run at once on all workers together; more wait. 0: as many as come. */
  readonly concurrency: number
  /** The name of a limit that it shares with other upstreams; empty: it has its own. */
  readonly limit: string
}

export const controlOptions: OptionTable<ControlSettings> = {
  concurrency: {
    path: 'upstream.concurrency',
    kind: 'count',
    about:
      'Calls at once to the server, on all of its processes together; 0: as many as come. Further calls wait in line, fair between clients, and one that would wait for longer than `limits.queue.maxWait` is refused at once.',
    default: 0,
    min: 0,
    max: 1_000_000,
    why: 'Most servers bear what their processes bear. One in front of something that does not, such as an API with a limit or a database with few connections, needs a number.',
  },
  limit: {
    path: 'upstream.limit',
    kind: 'text',
    about:
      'The name of a limit that several servers share: those that name the same one have `concurrency` calls at once together, the smallest number that one of them gives.',
    default: '',
    shape: {
      accepted: 'a name, or nothing for a limit of its own',
      test: (text) => /^[\w-]{0,64}$/.test(text),
    },
    why: 'Servers that use the same API or database count together.',
  },
}
