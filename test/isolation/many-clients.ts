/**
 * A crowd of clients that call at once, cancel at random, and notice whatever is not theirs: every text that a server
 * is made to say names the client and the call it was said for.
 */
import { randomFrom } from '../support/random.ts'
import type { JsonMap } from '../support/rpc.ts'
import { type Caller, connect, kinds, type Progress } from './clients.ts'

/** A call, and what it must bring. */
export interface PlannedCall {
  readonly tool: string
  readonly args: JsonMap
  /** Undefined where the text cannot be foretold. */
  readonly text: string | undefined
  /** Each notification that it must bring, in order. */
  readonly progress: readonly Progress[]
}

/** How a server is made to say what names its call. A mark is of a client, and of one of its calls. */
export interface Script {
  echo(mark: string): PlannedCall
  /** Reports progress. `number` is of this call alone. */
  report(number: number): PlannedCall
  /** Takes so many milliseconds, in steps; stops when it is cancelled. */
  linger(number: number, ms: number): PlannedCall
  /** Logs, if the server can be made to. */
  log?(number: number): PlannedCall
}

export const echoScript: Script = {
  echo: (mark) => ({ tool: 'echo', args: { text: mark }, text: mark, progress: [] }),
  report(number) {
    const count = 2 + (number % 4)
    const message = 'n'.repeat(number)
    const progress = Array.from({ length: count }, (_, at) => ({ progress: at + 1, total: count, message }))
    return { tool: 'notify', args: { count, bytes: number, kind: 'progress' }, text: `sent ${count}`, progress }
  },
  linger(number, ms) {
    const own = ms + number / 10_000
    const progress = [1, 2].map((step) => ({ progress: step, total: 2 }))
    return { tool: 'slow', args: { ms: own, steps: 2 }, text: `done after ${own} ms`, progress }
  },
  log: (number) => ({ tool: 'notify', args: { count: 2, bytes: number, kind: 'log' }, text: 'sent 2', progress: [] }),
}

const steps = [0, 50, 100].map((progress) => ({ progress, total: 100 }))
const reporting: PlannedCall = { tool: 'test_tool_with_progress', args: {}, text: undefined, progress: steps }

export const everythingScript: Script = {
  echo: (mark) => ({
    tool: 'json_schema_2020_12_tool',
    args: { name: mark },
    text: `Called with {"name":"${mark}"}`,
    progress: [],
  }),
  report: () => reporting,
  linger: () => reporting,
}

export interface Member {
  readonly index: number
  readonly caller: Caller
  /** Lengths of what was said in calls of its own. */
  readonly numbers: Set<number>
  calls: number
  cancelled: number
}

/** @param enter makes the client of that number; of all kinds in turn if nothing is said */
export async function gather(
  url: string,
  size: number,
  enter = (index: number): Promise<Caller> => connect(kinds[index % kinds.length] ?? 'sdk 1', url),
): Promise<Member[]> {
  const members = Array.from({ length: size }, async (_, index): Promise<Member> => {
    const caller = await enter(index)
    return { index, caller, numbers: new Set(), calls: 0, cancelled: 0 }
  })
  return Promise.all(members)
}

/** Has one member call at random. @returns what went wrong */
export async function wander(member: Member, script: Script, rounds: number, seed: number): Promise<string[]> {
  const { caller, index } = member
  const random = randomFrom(seed * 1000 + index)
  const faults: string[] = []
  // Of one call of one client, in a crowd of at most 128.
  const nextNumber = (): number => {
    const number = 1 + index + 128 * member.calls
    member.numbers.add(number)
    return number
  }
  const planCall = (): PlannedCall => {
    member.calls++
    const dice = random()
    if (dice < 0.5) return script.echo(`m${index}c${member.calls}m`)
    if (dice < 0.75) return script.report(nextNumber())
    if (dice < 0.85 && script.log) return script.log(nextNumber())
    return script.linger(nextNumber(), 10 + Math.floor(random() * 30))
  }
  const run = async ({ tool, args, text, progress }: PlannedCall): Promise<void> => {
    const shown = `${caller.kind} ${index}: ${tool} ${JSON.stringify(args)}`
    try {
      const called = await caller.call(tool, args)
      if (text !== undefined && called.text !== text) faults.push(`${shown} was answered ${called.text}`)
      // What mcplex tells of the place in line is below zero.
      const told = called.progress.filter((one) => one.progress >= 0)
      if (!isPart(told, progress, caller.hasOneId)) {
        faults.push(`${shown} was told ${JSON.stringify(called.progress)}`)
      }
    } catch (error) {
      faults.push(`${shown} failed: ${String(error)}`)
    }
  }
  const cancelOne = async (): Promise<void> => {
    member.calls++
    const { tool, args, text } = script.linger(nextNumber(), 400)
    const abort = new AbortController()
    const timer = setTimeout(() => abort.abort(), 5 + random() * 60)
    try {
      const called = await caller.call(tool, args, abort.signal)
      if (text !== undefined && called.text !== text)
        faults.push(`${caller.kind} ${index} got ${called.text} instead of a cancelled call`)
    } catch {
      member.cancelled++
    } finally {
      clearTimeout(timer)
    }
  }
  for (let round = 0; round < rounds; round++) {
    const burst = Array.from({ length: 1 + Math.floor(random() * 4) }, planCall)
    if (random() >= 0.25) await Promise.all(burst.map(run))
    else if (caller.kind === 'raw, sessions') await cancelOne()
    else await Promise.all([cancelOne(), ...burst.map(run)])
  }
  return faults
}

/**
 * Whether what came is what was to come. The SDKs forget whom to tell once the answer is there, so the last of it may
 * be missing from them; what came on the wire is looked at by `foreign`.
 */
function isPart(came: readonly Progress[], due: readonly Progress[], whole: boolean): boolean {
  if (whole && came.length !== due.length) return false
  return came.every((one, at) => {
    const other = due[at]
    return one.progress === other?.progress && one.total === other.total && one.message === other.message
  })
}

/** What a member was sent of another one: marks and lengths that are none of its own. */
export function foreign({ caller, index, numbers }: Member): string[] {
  const heard = caller.heard()
  const found: string[] = []
  for (const [mark, owner] of heard.matchAll(/m(\d+)c\d+m/g)) {
    if (Number(owner) !== index) found.push(`${caller.kind} ${index} was sent ${mark}`)
  }
  for (const [, kind, filler = ''] of heard.matchAll(/"(message|filler)":"(n+)"/g)) {
    if (!numbers.has(filler.length)) found.push(`${caller.kind} ${index} was sent a ${kind} of ${filler.length}`)
  }
  for (const [, ms] of heard.matchAll(/done after ([\d.]+) ms/g)) {
    const number = Math.round((Number(ms) % 1) * 10_000)
    if (!numbers.has(number)) found.push(`${caller.kind} ${index} was sent the end of a call of ${ms} ms`)
  }
  return found
}
