/**
 * How `mcplex upstreams accept` reaches a running instance: by a file beside its runtime file, in a folder that only this
 * user can write to. The instance takes the file, and leaves its answer in another.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, pause, stayAwake } from '../base/clock.ts'
import { isObject, type JsonObject } from '../base/json.ts'

const lookEveryMs = 1000
const answerMs = 10_000
const maxBytes = 128 * 1024

/** What an instance makes of a request. @returns what was accepted; undefined if there is no such upstream */
export type Accept = (upstream: string) => Accepted | undefined

/** What was accepted: how many definitions, and the names of their tools, a hundred at most. */
export interface Accepted {
  readonly accepted: number
  readonly tools: readonly string[]
}

/** Answers requests to this process until it ends. Never throws. @param folder that of its runtime file */
export function answerAcceptRequests(folder: string, clock: Clock, accept: Accept): void {
  const { asked, answered } = pathsOf(folder, process.pid)
  clock.every(lookEveryMs, () => {
    const request = take(asked)
    if (typeof request?.['upstream'] !== 'string') return
    const accepted = accept(request['upstream'])
    try {
      place(answered, { id: request['id'] ?? null, accepted: accepted?.accepted ?? null, tools: accepted?.tools ?? [] })
    } catch {
      // The command says that there was no answer.
    }
  })
}

/**
 * Asks a running instance.
 * @returns what was accepted; `no upstream` or `no answer` if none could be
 */
export async function requestAccept(
  folder: string,
  pid: number,
  upstream: string,
  clock: Clock,
): Promise<Accepted | 'no upstream' | 'no answer'> {
  const { asked, answered } = pathsOf(folder, pid)
  const id = randomBytes(8).toString('hex')
  place(asked, { id, upstream })
  const endMs = clock.now() + answerMs
  const awake = stayAwake()
  while (clock.now() < endMs) {
    await pause(clock, lookEveryMs / 10)
    const answer = take(answered)
    if (answer?.['id'] !== id) continue
    awake.stop()
    const { accepted, tools } = answer
    if (typeof accepted !== 'number' || !Array.isArray(tools)) return 'no upstream'
    return { accepted, tools: tools.map(String) }
  }
  awake.stop()
  rmSync(asked, { force: true })
  return 'no answer'
}

function pathsOf(folder: string, pid: number): { readonly asked: string; readonly answered: string } {
  return { asked: join(folder, `${pid}.accept`), answered: join(folder, `${pid}.accepted`) }
}

/** Writes the file beside its place and moves it there, so that no reader finds half of it. */
function place(path: string, content: JsonObject): void {
  const beside = `${path}.${randomBytes(4).toString('hex')}`
  try {
    writeFileSync(beside, JSON.stringify(content), { flag: 'wx', mode: 0o600 })
    renameSync(beside, path)
  } finally {
    rmSync(beside, { force: true })
  }
}

/** Reads and removes a file; undefined if there is none, or none of this form. */
function take(path: string): JsonObject | undefined {
  try {
    // Neither a link nor a pipe can lead or hold up the reader.
    const opened = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      rmSync(path, { force: true })
      const stats = fstatSync(opened)
      if (!stats.isFile() || stats.size > maxBytes) return undefined
      const value: unknown = JSON.parse(readFileSync(opened, 'utf8'))
      return isObject(value) ? value : undefined
    } finally {
      closeSync(opened)
    }
  } catch {
    return undefined
  }
}
