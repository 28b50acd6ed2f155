/** The revisions of the protocol and how they differ on the wire. Revisions are strings, compared for equality or order. */
import type { EraName } from './call.ts'

/** Session-based revisions, newest first. */
export const legacyVersions: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']

export const newestLegacy = '2025-11-25'

/** The stateless revision; `supportedVersions` of discover and `supported` of errors are this list. */
export const modernVersion = '2026-07-28'
export const modernVersions: readonly string[] = [modernVersion]

/** Assumed when a client of a session sends no version header. [2025-06-18 transports, protocol version header] */
export const headerlessVersion = '2025-03-26'

export function isLegacyVersion(version: string): boolean {
  return legacyVersions.includes(version)
}

/** Whether a version header names a stateless revision. */
export function isStateless(version: string | undefined): boolean {
  return version !== undefined && modernVersions.includes(version.trim())
}

/** The names of the eras in documents and logs. */
export const eraInWords: Readonly<Record<EraName, string>> = { legacy: 'session-based', modern: 'stateless' }

/** The version to answer `initialize` with: the requested one if mcplex supports it, else the newest session-based one. */
export function negotiate(asked: string): string {
  return isLegacyVersion(asked) ? asked : newestLegacy
}

/** Whether the revision has JSON-RPC batches: only 2025-03-26 does. */
export function hasBatches(version: string): boolean {
  return version === '2025-03-26'
}

/** Whether the revision has priming events and polling of streams. Older clients fail on an event without data. [2025-11-25, SEP-1699] */
export function hasPrimingEvent(version: string): boolean {
  return version >= '2025-11-25'
}

/** Whether the revision has audio content and the capability `completions`. */
export function hasAudio(version: string): boolean {
  return version >= '2025-03-26'
}

/** Whether the revision has structured content, resource links as content, and elicitation by form. */
export function hasStructuredContent(version: string): boolean {
  return version >= '2025-06-18'
}

/** Whether the revision has elicitation by URL, forms with more kinds of fields, and sampling with tools and several blocks in a message. */
export function hasUrlElicitation(version: string): boolean {
  return version >= '2025-11-25'
}

/** Long calls as tasks, in the stateless era. [SEP-2663] */
export const tasksExtension = 'io.modelcontextprotocol/tasks'

/** The keys of `_meta` in stateless messages that the specification defines. */
export const metaKeys: Readonly<
  Record<'version' | 'capabilities' | 'clientInfo' | 'logLevel' | 'subscription' | 'serverInfo', string>
> = {
  version: 'io.modelcontextprotocol/protocolVersion',
  capabilities: 'io.modelcontextprotocol/clientCapabilities',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  logLevel: 'io.modelcontextprotocol/logLevel',
  subscription: 'io.modelcontextprotocol/subscriptionId',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
}

/** Log levels of the protocol, least severe first. [RFC 5424] */
export const logLevels: readonly string[] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
]
