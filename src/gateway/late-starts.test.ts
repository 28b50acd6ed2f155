import { expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { createEvents } from '../base/events.ts'
import { silentLog } from '../base/log.ts'
import type { GatewayFacts } from './health.ts'
import { LateStarts } from './late-starts.ts'
import type { ServedUpstream } from './served-upstream.ts'

type Standing = ServedUpstream['standing']

/** Reports upstreams with these standings, and returns what is logged. */
function report(standings: Record<string, Standing>): {
  readonly logged: string[]
  readonly pass: (ms: number) => void
  readonly lateStarts: LateStarts
} {
  const clock = manualClock()
  const logged: string[] = []
  const note =
    (level: string) =>
    (fields: object, text: string): void =>
      void logged.push(`${level} ${text} ${JSON.stringify(fields)}`)
  const log = { ...silentLog, info: note('info'), warn: note('warn') }
  const lateStarts = new LateStarts(log, createEvents(), clock)
  const upstreams = {
    get all() {
      return Object.entries(standings).map(([name, standing]) => ({ key: name, name, standing }) as ServedUpstream)
    },
  }
  const reports = Object.entries(standings).map(([name, standing]) => [name, { standing }])
  lateStarts.reported({ upstreams: Object.fromEntries(reports) } as GatewayFacts, upstreams)
  return { logged, pass: (ms) => clock.advance(ms), lateStarts }
}

const first = 'info some servers have not started yet {"missing":["slow","slower"]}'

test('servers that start later are an information, and a warning only if it takes long', () => {
  const standings: Record<string, Standing> = { quick: 'started', slow: 'starting', slower: 'starting' }
  const { logged, pass } = report(standings)
  expect(logged).toEqual([first])
  pass(29_000)
  standings['slow'] = 'failed'
  expect(logged).toEqual([first])
  pass(1000)
  expect(logged, 'a failed start has a line of its own').toEqual([
    first,
    'warn some servers take long to start {"missing":["slower"]}',
  ])
})

test('nothing is said if all have started by then, or mcplex has ended', () => {
  const standings: Record<string, Standing> = { quick: 'started', slow: 'starting', slower: 'starting' }
  const one = report(standings)
  one.lateStarts.close()
  one.pass(60_000)
  expect(one.logged).toEqual([first])
  const other = report(standings)
  // The others' start makes their lists known as well, which is logged elsewhere.
  Object.assign(standings, { slow: 'started', slower: 'started' })
  other.pass(60_000)
  expect(other.logged).toEqual([first])
})
