import { expect, test } from 'vitest'
import { createEvents } from '../../../base/events.ts'
import { fillSettings } from '../../../config/assemble.ts'
import { thisMachine } from '../../../config/load.ts'
import type { InstanceFacts } from '../../runtime-file.ts'
import { keepRuntimeFile } from './keep-runtime-file.ts'

const settingsOf = (...names: readonly string[]): ReturnType<typeof fillSettings> =>
  fillSettings({ upstreams: Object.fromEntries(names.map((name) => [name, { command: 'none' }])) }, thisMachine())

test('after a reload the file names the servers that are served now', () => {
  const written: InstanceFacts[] = []
  const server = { name: 'one, two' }
  let settings = settingsOf('one', 'two')
  const told = keepRuntimeFile({
    instance: { server, transport: 'http', upstreams: ['one', 'two'] },
    write: (facts) => void written.push(facts),
    gateway: { events: createEvents(), upstreamStates: () => Promise.resolve([]) },
    settings: () => settings,
  })
  told({})
  expect(written.at(-1)).toMatchObject({ server, upstreams: ['one', 'two'] })
  settings = settingsOf('one')
  told({})
  expect(written.at(-1)).toMatchObject({ server: { name: 'one' }, upstreams: ['one'] })
})
