/**
 * Event ids of resumable streams: `<stream>.<epoch>.<offset>`. The id is a cursor within one stream. The epoch shows that a
 * journal was lost between the event and the resume. The name of a call's stream contains the id of its request, so that a
 * client can be told that the call has ended even when its events are gone. [2025-11-25 transports, resumability]
 */
import { randomInt } from 'node:crypto'
import { fromBase64url } from '../base/base64url.ts'
import type { Position } from '../backplane/backplane.ts'
import type { RpcId } from '../protocol/jsonrpc.ts'

/** The name of the journal of events that belong to no call; the GET streams on which they are sent have other names. */
export const listenStream = 'l'
/** A longer request id is left out of the stream's name. */
const maxIdChars = 64

/** A random name for an instance, used in stream names: two instances that serve one session must not use the same name. */
export function shortName(): string {
  return randomInt(36 ** 5, 36 ** 6).toString(36)
}

/** A new name for a GET stream: it belongs to no call. */
export function listenStreamName(): string {
  return `${listenStream}${randomInt(36 ** 3, 36 ** 4).toString(36)}`
}

/** Whether a stream belongs to no call. */
export function isListenStream(stream: string): boolean {
  return !stream.includes('~')
}

/** The name of the stream of one POST, unique in its session. */
export function callStream(instance: string, number: number, id: RpcId | undefined): string {
  const carried = id !== undefined && id.length <= maxIdChars ? Buffer.from(id).toString('base64url') : ''
  return `${instance}${number.toString(36)}~${carried}`
}

/** The request id in the name of a stream, as JSON text; undefined if there is none. */
export function requestOf(stream: string): RpcId | undefined {
  const carried = stream.split('~')[1]
  if (!carried) return undefined
  const text = fromBase64url(carried)?.toString()
  // A client may have forged the name: line breaks around the id would end the event in which it is sent.
  if (text === undefined || text.trim() !== text) return undefined
  try {
    const id: unknown = JSON.parse(text)
    return typeof id === 'string' || Number.isInteger(id) ? text : undefined
  } catch {
    return undefined
  }
}

export function eventId(stream: string, position: Position): string {
  return `${stream}.${position.epoch}.${position.offset}`
}

/** Parses an event id; undefined for a text that `eventId` cannot have written. */
export function parseEventId(text: string): { stream: string; position: Position } | undefined {
  const match = /^([0-9a-z]+~[A-Za-z0-9_-]*|l[0-9a-z]{0,4})\.([A-Za-z0-9_-]{1,64})\.(0|[1-9]\d{0,14})$/.exec(text)
  if (!match) return undefined
  const [, stream = '', epoch = '', offset = ''] = match
  return { stream, position: { epoch, offset: Number(offset) } }
}
