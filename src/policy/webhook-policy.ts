/**
 * A policy that asks a webhook of the operator. Each question is a POST of one JSON object, signed as Standard Webhooks
 * describes it (https://www.standardwebhooks.com), and its answer is the decision.
 */
import { createHmac } from 'node:crypto'
import { type Clock, wallMs } from '../base/clock.ts'
import { fetchJson } from '../base/fetch-json.ts'
import type { JsonObject } from '../base/json.ts'
import type { CallPolicy, PolicyCall, Refused } from './call-policy.ts'
import { NoDecision } from './no-decision.ts'
import type { PolicySettings } from './options.ts'
import type { PolicyPhase } from './policy-call-of.ts'
import { type Verdict, verdictOf } from './verdict.ts'
import { webhookKey } from './webhook-key.ts'

/** More questions at a time find no answer: each holds a connection, and a call whose client waits. */
const mostInFlight = 512

/** The policy of the settings; undefined if they name no webhook. */
export function webhookPolicy(settings: PolicySettings, clock: Clock): CallPolicy | undefined {
  const { url, secret, failClosed, results, maxBytes } = settings
  if (url === undefined || secret === undefined) return undefined
  const webhook = new Webhook(url, webhookKey(secret), settings, clock)
  return {
    failClosed,
    maxChars: maxBytes,
    before: (call, signal) => webhook.ask('before', call, {}, signal),
    ...(results && { after: (call, result, signal) => webhook.ask('after', call, { result }, signal) }),
  }
}

class Webhook {
  readonly #url: string
  readonly #key: Buffer
  readonly #bounds: Pick<PolicySettings, 'deadlineMs' | 'maxBytes'>
  readonly #clock: Clock
  #inFlight = 0

  constructor(url: string, key: Buffer, bounds: Pick<PolicySettings, 'deadlineMs' | 'maxBytes'>, clock: Clock) {
    this.#url = url
    this.#key = key
    this.#bounds = bounds
    this.#clock = clock
  }

  /** What the webhook decides. Rejects with a `NoDecision` if it gives no decision. */
  async ask(phase: PolicyPhase, call: PolicyCall, more: JsonObject, signal: AbortSignal): Promise<Verdict | Refused> {
    const { deadlineMs: timeoutMs, maxBytes } = this.#bounds
    if (this.#inFlight >= mostInFlight) throw new NoDecision(`${mostInFlight} questions wait for the webhook`)
    const body = JSON.stringify({ type: `call.${phase}`, data: { ...call, ...more } })
    if (Buffer.byteLength(body) > maxBytes)
      throw new NoDecision(`the question is larger than ${maxBytes} bytes`, { isTooLarge: true })
    const headers = signedHeaders(this.#key, `${call.id}.${phase}`, body)
    this.#inFlight++
    let answer: JsonObject
    try {
      answer = await fetchJson(this.#url, { clock: this.#clock, timeoutMs, maxBytes, signal }, { headers, body })
    } catch (error) {
      throw new NoDecision(error instanceof Error ? error.message : 'the webhook gave no answer', { cause: error })
    } finally {
      this.#inFlight--
    }
    return verdictOf(answer, call.method, phase)
  }
}

/** [Standard Webhooks, "Webhook headers (sending metadata to consumers)"] */
function signedHeaders(key: Buffer, id: string, body: string): Record<string, string> {
  const seconds = String(Math.floor(wallMs() / 1000))
  const signature = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')
  return {
    'Content-Type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': seconds,
    'webhook-signature': `v1,${signature}`,
  }
}
