/**
 * How `mcplex upstreams` reaches a running instance: by a file beside its runtime file, in a folder that only this user
 * can write to. The instance takes the file, and leaves its answer in another.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, pause, stayAwake } from '../base/clock.ts'
import { isObject, type JsonObject } from '../base/json.ts'

const lookEveryMs = 1000
const answerMs = 10_000
const maxBytes = 128 * 1024

/** A request to an instance. An upstream without a hash: all that it holds back; a hash may be cut at its end. */
export type InstanceRequest =
  | { readonly action: 'accept'; readonly upstream: string; readonly hash?: string | undefined }
  | { readonly action: 'list' }

/** What makes the answers of an instance: plain objects, whose JSON is at most `maxAnswerBytes` long. */
export type AnswerRequest = (request: InstanceRequest) => Promise<JsonObject>

/** The most bytes of an answer, as JSON. */
export const maxAnswerBytes: number = 100 * 1024

/** Answers requests to this process until it ends. Never throws. @param folder that of its runtime file */
export function answerRequests(folder: string, clock: Clock, answer: AnswerRequest): void {
  const { asked, answered } = pathsOf(folder, process.pid)
  clock.every(lookEveryMs, () => {
    const taken = take(asked)
    const request = taken && requestIn(taken)
    if (!request) return
    answer(request)
      .then((found) => place(answered, { id: taken['id'] ?? null, answer: found }))
      .catch(() => {
        // The command says that there was no answer.
      })
  })
}

function requestIn({ action, upstream, hash }: JsonObject): InstanceRequest | undefined {
  if (action === 'list') return { action }
  if (action !== 'accept' || typeof upstream !== 'string') return undefined
  return { action, upstream, hash: typeof hash === 'string' ? hash : undefined }
}

/** Asks a running instance. @returns its answer; undefined if there was none */
export async function askInstance(
  folder: string,
  pid: number,
  request: InstanceRequest,
  clock: Clock,
): Promise<JsonObject | undefined> {
  const { asked, answered } = pathsOf(folder, pid)
  const id = randomBytes(8).toString('hex')
  place(asked, { id, ...request })
  const endMs = clock.now() + answerMs
  const awake = stayAwake()
  try {
    while (clock.now() < endMs) {
      await pause(clock, lookEveryMs / 10)
      const taken = take(answered)
      if (taken?.['id'] !== id) continue
      const { answer } = taken
      return isObject(answer) ? answer : undefined
    }
  } finally {
    awake.stop()
  }
  rmSync(asked, { force: true })
  return undefined
}

function pathsOf(folder: string, pid: number): { readonly asked: string; readonly answered: string } {
  return { asked: join(folder, `${pid}.request`), answered: join(folder, `${pid}.answer`) }
}

/** Writes the file beside its place and moves it there, so that no reader finds half of it. */
function place(path: string, content: object): void {
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
