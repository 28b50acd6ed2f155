/**
 * The reference servers of npm through mcplex and directly, with clients of both official SDKs, over every transport:
 * the same script gives the same answers. A client without a session has no server that it could ask directly: its
 * answers are compared with those of the same SDK in a session.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Place, play, type Scene, type Script, type Sdk, sdks } from './person.ts'
import { openWay, type Route, routes } from './routes.ts'
import { steady } from './same.ts'
import { everything } from './scripts/everything.ts'
import { filesystem } from './scripts/filesystem.ts'
import { memory } from './scripts/memory.ts'
import { thinking } from './scripts/thinking.ts'

interface Given {
  readonly answers: ReadonlyMap<string, unknown>
  readonly directory: string
}

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mcplex-servers-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** The script as one client plays it, and what it was given. */
async function playBy(
  script: Script,
  sdk: Sdk,
  open: (scene: Scene) => Promise<{ place: Place; end?: () => Promise<void> }>,
): Promise<Given> {
  const directory = await mkdtemp(join(folder, 'run-'))
  const scene = await script.prepare(directory)
  const { place, end } = await open(scene)
  try {
    const person = await sdk.connect(place, scene.roots)
    const steps = scene.steps.filter(([, , needs]) => needs === undefined || !sdk.isStateless)
    try {
      return { answers: await play(person, steps), directory }
    } finally {
      await person.close()
    }
  } finally {
    await end?.()
  }
}

const directly = (script: Script, sdk: Sdk): Promise<Given> => {
  const sdkWithSession = sdk.isStateless ? sdks.find(({ name }) => sdk.name.startsWith(name)) : sdk
  return playBy(script, sdkWithSession ?? sdk, (place) => Promise.resolve({ place }))
}

const through = (script: Script, sdk: Sdk, route: Route): Promise<Given> =>
  playBy(script, sdk, (scene) => openWay(route, scene))

describe.each([everything, memory, filesystem, thinking])('$server', (script) => {
  describe.each(sdks)('$name', (sdk) => {
    const open = routes.filter(({ hasSessionsOnly }) => !(sdk.isStateless && hasSessionsOnly === true))
    let direct: Given
    beforeAll(async () => {
      direct = await directly(script, sdk)
    }, 60_000)

    test.concurrent.each(open)(
      'is given the same over $name',
      async (route) => {
        const given = await through(script, sdk, route)
        const isBridged = sdk.isStateless
        const answered = ({ answers, directory }: Given): object =>
          Object.fromEntries(
            [...given.answers.keys()].map((step) => [step, steady(answers.get(step), { directory, isBridged })]),
          )
        expect(answered(given)).toEqual(answered(direct))
      },
      60_000,
    )

    test('no step failed that should not have: the comparison is of answers', () => {
      const failed = [...direct.answers].filter(([, answer]) => Object.hasOwn(Object(answer), 'error'))
      expect(failed.map(([step]) => step)).toEqual(script.failing)
      expect(direct.answers.size).toBeGreaterThan(9)
    })
  })
})
