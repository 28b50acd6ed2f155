/** A script as one client plays it, and what two such runs have to have in common. */
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { canTake, type Place, play, type Fixture, type Script, type Sdk, type Step } from './test-client.ts'
import { openWay, type Route } from './routes.ts'
import { steady } from './allowed-differences.ts'

/** What a client was given, step by step. */
export interface Given {
  readonly answers: ReadonlyMap<string, unknown>
  readonly directory: string
}

/** A server that a client can be connected to, and how to end it. */
export interface Opened {
  readonly place: Place
  end?(): Promise<void>
}

/**
 * Plays a script in a folder of its own.
 * @param folder where that is made
 */
export async function playBy(
  folder: string,
  script: Script,
  sdk: Sdk,
  takes: (step: Step) => boolean,
  open: (fixture: Fixture) => Promise<Opened>,
): Promise<Given> {
  const directory = await mkdtemp(join(folder, 'run-'))
  const fixture = await script.prepare(directory)
  const opened = await open(fixture)
  try {
    const testClient = await sdk.connect(opened.place, fixture.roots)
    const steps = fixture.steps.filter(takes)
    try {
      return { answers: await play(testClient, steps), directory }
    } finally {
      await testClient.close()
    }
  } finally {
    await opened.end?.()
  }
}

/** Which steps are compared for a client: those that it can take. */
export const stepsOf =
  (sdk: Sdk) =>
  (step: Step): boolean =>
    canTake(sdk, step)

/** An mcplex for one run alone. */
export async function ownWay(route: Route, fixture: Fixture): Promise<Opened> {
  const way = await openWay(route, fixture)
  return { place: route.place(fixture, way), end: () => way.end() }
}

/**
 * The answers of a run without what may differ between two runs.
 * @param isBridged whether the client speaks another era than the server is asked in
 * @param route by which it is compared with a run without mcplex
 */
export function answersOf(
  { answers, directory }: Given,
  isBridged: boolean,
  { front, leavesOut }: Pick<Route, 'front' | 'leavesOut'> = {},
): object {
  const run = { directory, isBridged, isModule: front === 'module' }
  const compared = [...answers].filter(([step]) => leavesOut?.has(step) !== true)
  return Object.fromEntries(compared.map(([step, answer]) => [step, steady(answer, run)]))
}

/** The steps that ended with an error. */
export function failedIn({ answers }: Given): string[] {
  return [...answers].filter(([, answer]) => Object.hasOwn(Object(answer), 'error')).map(([step]) => step)
}
