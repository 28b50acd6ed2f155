/** How a running mcplex is asked to read its file again: by a signal to its process, or at its address for operators. */
import type { ReloadResult } from '../../../admin/reload-result.ts'
import { pause, systemClock as clock } from '../../../base/clock.ts'
import type { Environment } from '../../../config/environment.ts'
import { askDoor, chooseDoor, type DoorWish } from '../../door.ts'
import { chooseInstance } from '../../choose-instance.ts'
import { CommandFailed } from '../../failures.ts'
import { type RunningInstance, runningInstances } from '../../running-instances.ts'

type Env = Environment['env']

const lookEveryMs = 100

/** New servers are started before anything changes, and each may take its `startTimeout`. */
const longestMs = 10 * 60_000

/** An instance that can be asked. */
export interface AskedInstance {
  /** Which instance it is, in words. */
  readonly name: string
  /** Undefined if it is asked at its address. */
  readonly pid: number | undefined
  readonly file: string | undefined
  /** Has it read its file. @returns the number of that reload. @throws CommandFailed */
  begin(): Promise<number>
  /** The last result, if there is one. @throws CommandFailed if it does not answer */
  last(): Promise<ReloadResult | undefined>
}

/** @throws CommandFailed if there is no such instance */
export async function instanceToAsk(wish: DoorWish, env: Env): Promise<AskedInstance> {
  return wish.admin === undefined ? processToAsk(chooseInstance(wish, env, true).instance, env) : doorToAsk(wish, env)
}

function processToAsk(instance: RunningInstance, env: Env): AskedInstance {
  const { pid, config, reloads = 0 } = instance
  return {
    name: `process ${pid}`,
    pid,
    file: config,
    async begin() {
      try {
        process.kill(pid, 'SIGUSR2')
      } catch (error) {
        const why = error instanceof Error ? error.message : ''
        throw failed('instance_missing', `process ${pid} cannot be asked: ${why}`)
      }
      return reloads + 1
    },
    async last() {
      const now = runningInstances(env).find((one) => one.pid === pid)
      if (!now) throw failed('instance_missing', `process ${pid} has ended meanwhile`)
      return now.reload
    },
  }
}

async function doorToAsk(wish: DoorWish, env: Env): Promise<AskedInstance> {
  const door = chooseDoor(wish, env)
  const { config } = await askDoor(door, 'instance')
  return {
    name: door.name,
    pid: undefined,
    file: config,
    begin: async () => (await askDoor(door, 'startReload')).number,
    last: async () => (await askDoor(door, 'reloads')).last,
  }
}

/**
 * Waits until a reload has ended, or a newer one that has replaced it.
 * @throws CommandFailed
 */
export async function resultOf(asked: AskedInstance, number: number): Promise<ReloadResult> {
  const endsAtMs = clock.now() + longestMs
  while (clock.now() < endsAtMs) {
    await pause(clock, lookEveryMs)
    const last = await asked.last()
    if (last && last.number >= number) return last
  }
  const minutes = longestMs / 60_000
  throw failed('reload_refused', `${asked.name} has not answered for ${minutes} minutes: its log says more`)
}

function failed(code: 'instance_missing' | 'reload_refused', message: string): CommandFailed {
  return new CommandFailed([{ code, message, notes: [] }])
}
