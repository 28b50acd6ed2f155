/** The running mcplexes behind the table: one for each server and front, begun when first needed. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { askAt, runtimeFolder } from '../support/door.ts'
import { eventually } from '../support/eventually.ts'
import { type Mcplex, type Started, startMcplex } from '../support/mcplex.ts'
import { isOfSlowMachine } from '../support/slow-machine.ts'
import type { Column } from './columns.ts'

const servers = join(import.meta.dirname, 'server')
const program = join(servers, 'server.mjs')

/** A slow machine needs long to end many at once. */
const endsWithinMs = 60_000

/** What one mcplex serves at once: a port, with HTTP/1.1, HTTP/2 and HTTP+SSE on it; or a Unix socket. */
export type Front = 'port' | 'socket'

/** Where a mcplex is found. */
export interface Instance {
  readonly origin: string
  readonly socketPath?: string
}

/** How a mcplex ended, and what it complained of. */
export interface End {
  readonly code: number | null
  readonly log: readonly unknown[]
}

export interface Instances {
  of(column: Column, front: Front): Promise<Instance>
  /** The server and its flags, or the file that names the module. */
  behind(column: Column): Behind
  /** Runs `work` with a mcplex that serves no other client, before a process that has served none. */
  alone<Value>(work: (quiet: Pick<Instances, 'of' | 'behind'>) => Promise<Value>): Promise<Value>
  /** Ends them, and gives how each ended. */
  end(): Promise<readonly End[]>
}

/** As mcplex is told of it, and the variables of the server. */
type Behind = Pick<Started, 'server' | 'file'> & { readonly env: Readonly<Record<string, string>> }

type Running = Instance & { readonly mcplex: Mcplex; readonly door: string }

export function createInstances(): Instances {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-compatibility-'))
  const notes = mkdtempSync(join(folder, 'notes-'))
  const place = runtimeFolder()
  const started = new Map<string, Promise<Running>>()
  /** Those that a client has for itself and has left, by server and front. */
  const free = new Map<string, string[]>()

  const behind = ({ speaks, sdk }: Column): Behind => {
    if (sdk === undefined) return { server: [program, `--speaks=${speaks}`, `--notes=${notes}`], env: {} }
    const file = join(folder, `sdk-${sdk}.json`)
    const upstreams = { server: { module: join(servers, `module-v${sdk}.mjs`) } }
    writeFileSync(file, JSON.stringify({ version: 1, upstreams }))
    return { file, env: { FEATURE_NOTES: notes } }
  }

  const start = async (key: string, column: Column, front: Front): Promise<Running> => {
    const socketPath = join(folder, `${key.replaceAll(/\W/g, '-')}.sock`)
    const options = front === 'socket' ? ['--socket', socketPath] : []
    const { env, ...server } = behind(column)
    const mcplex = await startMcplex({
      ...server,
      options: ['--log-level', 'warn', ...column.options, ...options],
      env: { ...place.env, ...env },
    })
    const door = place.placesOf(mcplex.pid).socket
    return front === 'socket'
      ? { mcplex, door, origin: 'http://localhost', socketPath }
      : { mcplex, door, origin: mcplex.origin }
  }

  const find = (key: string, column: Column, front: Front): Promise<Running> => {
    const instance = started.get(key) ?? start(key, column, front)
    started.set(key, instance)
    return instance
  }

  return {
    behind,
    of: (column, front) => find(`${column.server} ${front}`, column, front),
    async alone(work) {
      const taken: Array<{ readonly key: string; readonly kept: string[] }> = []
      const quiet = async (column: Column, front: Front): Promise<Instance> => {
        const name = `${column.server} ${front} alone`
        const kept = free.get(name) ?? []
        free.set(name, kept)
        const known = kept.pop()
        const key = known ?? `${name} ${started.size}`
        taken.push({ key, kept })
        const running = await find(key, column, front)
        if (known !== undefined) await renew(running)
        return running
      }
      try {
        return await work({ behind, of: quiet })
      } finally {
        for (const { key, kept } of taken) kept.push(key)
      }
    },
    async end() {
      const ended = [...started.values()].map(async (instance) => {
        const { end, log } = (await instance).mcplex
        return { code: (await end(endsWithinMs)).code, log: log.filter((line) => !isOfSlowMachine(line)) }
      })
      const all = await Promise.all(ended)
      rmSync(folder, { recursive: true })
      place.remove()
      return all
    },
  }
}

/** Has every process of the server replaced by one that has served nobody. */
async function renew({ door }: Running): Promise<void> {
  const { body } = await askAt(door, '/api/v1/upstreams/server/recycle', { method: 'POST' })
  const { workers: old } = body as { readonly workers: readonly number[] }
  await eventually('other processes', async () => {
    const answer = await askAt(door, '/api/v1/workers?upstream=server')
    const { workers } = answer.body as { readonly workers: readonly Worker[] }
    return !workers.some(({ worker, state }) => state !== 'ended' && worker !== undefined && old.includes(worker))
  })
}

interface Worker {
  readonly worker?: number
  readonly state: string
}
