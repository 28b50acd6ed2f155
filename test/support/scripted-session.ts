/** A session with a stateless server that sends input requests by a script (journeys/scripted-rounds.mjs), and what comes of them. */
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { eventually } from './eventually.ts'
import type { Answered } from './http.ts'
import { type JsonMap, messagesOf, responseTo, type RpcMessage, textOf } from './rpc.ts'
import type { Session } from './session.ts'

/** The server; its head says what a script may hold. */
export const asksInRounds: readonly string[] = [
  fileURLToPath(new URL('../journeys/scripted-rounds.mjs', import.meta.url)),
]
export const everyCapability: JsonMap = {
  elicitation: { form: {}, url: {} },
  sampling: {},
  roots: { listChanged: true },
}

export const form = { mode: 'form', message: 'Who?', requestedSchema: { type: 'object', properties: {} } }
export const who: JsonMap = { method: 'elicitation/create', params: form }
export const visit = {
  method: 'elicitation/create',
  params: { mode: 'url', message: 'Sign in', url: 'https://example.com/' },
}
export const capital: JsonMap = {
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: 'Capital?' } }], maxTokens: 9 },
}
export const roots: JsonMap = { method: 'roots/list', params: {} }

export const accepted: JsonMap = { action: 'accept', content: { name: 'Ada' } }
export const sampled: JsonMap = { role: 'assistant', model: 'm', content: { type: 'text', text: 'Paris' } }
export const rooted: JsonMap = { roots: [{ uri: 'file:///a' }] }

/** What the server says once it has no more to ask. */
export interface Told {
  readonly answers: readonly JsonMap[]
  readonly capabilities: JsonMap
  readonly pid: number
  readonly members: readonly string[]
}

export interface Running {
  readonly id: number
  readonly call: Answered
}

/** Calls the tool with a script. */
export async function follow(session: Session, steps: readonly JsonMap[], progressToken?: string): Promise<Running> {
  const id = session.nextId()
  const options = progressToken === undefined ? { id } : { id, progressToken }
  return { id, call: await session.call('follow', { steps }, options) }
}

/** What the server told at the end of a script. */
export const toldBy = async ({ call, id }: Running): Promise<Told> =>
  JSON.parse(textOf(await responseTo(call, id))) as Told

/** The questions on a stream, once there are so many. */
export function questionsOn(call: Answered, count = 1): Promise<RpcMessage[]> {
  return eventually(`${count} questions`, () => {
    const asked = messagesOf(call).filter(({ id, method }) => id !== undefined && method !== undefined)
    return asked.length >= count && asked
  })
}

/** The question of that place on a stream, once it is there. */
export async function questionOn(call: Answered, at = 0): Promise<RpcMessage> {
  const question = (await questionsOn(call, at + 1))[at]
  if (!question) throw new Error('no question')
  return question
}

/** Answers a question by a POST, which is accepted whatever comes of it. */
export async function answer(session: Session, question: RpcMessage, result: JsonMap): Promise<void> {
  const posted = await session.post({ id: question.id, result })
  expect([posted.status, await posted.whole()]).toEqual([202, ''])
}
