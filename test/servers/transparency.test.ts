/**
 * The reference servers of npm through mcplex and directly, with clients of both official SDKs, over every transport:
 * the same script gives the same answers. A client without a session has no server that it could ask directly: its
 * answers are compared with those of the same SDK in a session that has said the same of itself.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answersOf, failedIn, type Given, ownWay, playBy, stepsOf } from './compare.ts'
import { comparedWith, type Place, type Fixture, type Script, type Sdk, sdks, type Step } from './test-client.ts'
import { openWay, type Route, routes, type Way } from './routes.ts'
import { everything } from './scripts/everything.ts'
import { filesystem } from './scripts/filesystem.ts'
import { memory } from './scripts/memory.ts'
import { thinking } from './scripts/thinking.ts'

/** Far above what a run takes: five of them share the machine with each other and with other tests. */
const waitsMs = 240_000

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mcplex-servers-'))
})
afterAll(async () => {
  for (const way of shared.values()) await (await way).end()
  await rm(folder, { recursive: true })
})

const direct = new Map<string, Promise<Given>>()

/** What a client in a session is given by the server itself. */
function directly(script: Script, sdk: Sdk): Promise<Given> {
  const key = `${script.server} ${sdk.name}`
  const given =
    direct.get(key) ?? playBy(folder, script, comparedWith(sdk), stepsOf(sdk), (place) => Promise.resolve({ place }))
  direct.set(key, given)
  return given
}

/**
 * Clients with sessions of one server may meet at one mcplex; clients without a session share a process there, too, and
 * modules share what they keep outside of their server objects.
 */
const through = (script: Script, sdk: Sdk, route: Route): Promise<Given> =>
  playBy(folder, script, sdk, stepsBy(script, sdk, route), (fixture) =>
    script.keepsThings || sdk.isStateless || route.front === 'module'
      ? ownWay(route, fixture)
      : sharedWay(script, route, fixture),
  )

/** The steps of a client over a route. */
function stepsBy(script: Script, sdk: Sdk, route: Route): (step: Step) => boolean {
  const takes = stepsOf(sdk)
  const { changedByRoute } = script
  const takesAll = !changedByRoute || !sdk.isStateless || !sdk.canBeAsked || route === routes[0]
  return takesAll ? takes : (step) => takes(step) && changedByRoute(step)
}

const shared = new Map<string, Promise<Way>>()

async function sharedWay(script: Script, route: Route, fixture: Fixture): Promise<{ place: Place }> {
  const key = `${script.server} ${route.front ?? ''}`
  const way = shared.get(key) ?? openWay(route, fixture)
  if (route.front) shared.set(key, way)
  return { place: route.place(fixture, await way) }
}

describe.each([everything, memory, filesystem, thinking])('$server', (script) => {
  // One that could be asked and never is would only be given a fresh process for each call.
  const clients = sdks.filter(({ isStateless, canBeAsked }) => script.asks || !isStateless || !canBeAsked)
  describe.each(clients)('$name', (sdk) => {
    const open = routes.filter(
      ({ front, hasSessionsOnly }) =>
        !(sdk.isStateless && hasSessionsOnly === true) && (script.isModule === true || front !== 'module'),
    )
    let wanted: Given
    beforeAll(async () => {
      wanted = await directly(script, sdk)
    }, waitsMs)

    test.concurrent.each(open)(
      'is given the same over $name',
      async (route) => {
        const given = await through(script, sdk, route)
        const { directory, answers } = wanted
        const played = { directory, answers: new Map([...answers].filter(([step]) => given.answers.has(step))) }
        expect(answersOf(given, sdk.isStateless, route)).toEqual(answersOf(played, sdk.isStateless, route))
        expect(given.answers.size).toBeGreaterThan(9)
      },
      waitsMs,
    )

    test('no step failed that should not have: the comparison is of answers', () => {
      expect(failedIn(wanted)).toEqual(script.failing)
      expect(wanted.answers.size).toBeGreaterThan(9)
    })
  })
})
