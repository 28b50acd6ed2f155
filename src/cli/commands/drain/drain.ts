/** The verb `drain`: has a running instance drain, and tells what it waits for until it has ended. */
import type { ApiDrain } from '../../../admin/answers.ts'
import { pause, stayAwake, systemClock as clock } from '../../../base/clock.ts'
import type { Environment } from '../../../config/environment.ts'
import { askDoor, chooseDoor, type Door } from '../../door.ts'
import { CommandFailed } from '../../failures.ts'
import type { Outputs } from '../../outputs.ts'
import { runningInstances } from '../../running-instances.ts'
import { shortAge, timeLeft } from '../../table.ts'
import { terminalSafeLine } from '../../../base/terminal-safe.ts'
import type { DrainRequest } from './command.ts'

const lookEveryMs = 500

/** What is waited for is told in so many lines at most. */
const mostLines = 5
const maxLine = 300

/**
 * @returns the exit code
 * @throws CommandFailed if there is no such instance, or it does not answer
 */
export async function drain(request: DrainRequest, { env }: Environment, outputs: Outputs): Promise<number> {
  const { isJson, isQuiet, waits } = request
  const { stdout, stderr } = outputs
  const door = chooseDoor(request.door, env)
  const tell = (event: string, what: object, line: string): void => {
    if (isJson) stdout.write(`${JSON.stringify({ event, pid: door.pid, ...what })}\n`)
    else if (!isQuiet) stderr.write(`${line}\n`)
  }
  await askDoor(door, 'startDrain')
  tell('draining', {}, `${door.name} drains`)
  if (!waits) return 0
  let left: ApiDrain | undefined
  const awake = stayAwake()
  try {
    let told = ''
    for (;;) {
      const state = await stateOf(door)
      if (!state) break
      left = state
      // Ages grow all the time: only other calls are told.
      const key = JSON.stringify(
        state.waitingFor.map(({ tool, method, upstream, client }) => [tool, method, upstream, client]),
      )
      if (key !== told && state.callsInFlight > 0) tell('waiting', state, inWords(state))
      told = key
      await pause(clock, lookEveryMs)
    }
    // Its door closes a moment before its process ends.
    while (door.pid !== undefined && runningInstances(env).some(({ pid }) => pid === door.pid))
      await pause(clock, lookEveryMs)
  } finally {
    awake.stop()
  }
  const running = left && (left.leftMs ?? Infinity) <= 2 * lookEveryMs ? left.callsInFlight : 0
  const cut = running > 0 ? `; ${running} ${running === 1 ? 'call' : 'calls'} ran until the time limit` : ''
  tell('ended', { running }, `${door.name} has ended${cut}`)
  return 0
}

/** Undefined once its door is closed. */
async function stateOf(door: Door): Promise<ApiDrain | undefined> {
  try {
    return await askDoor(door, 'drain', { query: { limit: mostLines } })
  } catch (error) {
    if (error instanceof CommandFailed) return undefined
    throw error
  }
}

function inWords({ callsInFlight, waitingFor, leftMs }: ApiDrain): string {
  const calls = waitingFor.map(({ tool, method, upstream, client, ageMs }) => {
    const where = upstream === undefined ? '' : ` at ${upstream}`
    return `${tool ?? method}${where}${client === undefined ? '' : `, of ${client}`}, since ${shortAge(ageMs)}`
  })
  const more = callsInFlight > calls.length ? [`and ${callsInFlight - calls.length} more`] : []
  // The name of a client may hold anything, and must not look like a line of ours.
  const lines = [...calls, ...more].map((line) => `  ${terminalSafeLine(line, maxLine)}`)
  const atMost = leftMs === undefined ? '' : `, ${timeLeft(leftMs)} at most`
  return [`waits for ${callsInFlight} ${callsInFlight === 1 ? 'call' : 'calls'}${atMost}:`, ...lines].join('\n')
}
