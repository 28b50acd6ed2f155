/**
 * The requests in flight that may have to end: one whose credentials end (a key is revoked, a token expires) ends with them,
 * and one without credentials when other settings ask for some.
 * To those who answer it that looks as if its client had disconnected; the client sees its stream end.
 */
import { Cancel } from '../base/cancel.ts'
import { type Link, LinkedList } from '../base/linked-list.ts'
import { Refusal } from '../base/refusal.ts'
import type { Principal } from '../protocol/call.ts'
import type { Inbound, Outbound } from '../protocol/inbound.ts'
import { bearerChallenge } from '../protocol/resource-metadata.ts'

export class HeldRequests {
  readonly #held = new LinkedList<HeldRequest>()
  readonly #mayAllEnd: boolean

  /** @param mayAllEnd whether requests without credentials may end as well, because other settings may ask for some */
  constructor(mayAllEnd = false) {
    this.#mayAllEnd = mayAllEnd
  }

  /** Whether the request of a principal may have to end before it is answered. */
  mayEnd({ issuer }: Principal): boolean {
    return this.#mayAllEnd || issuer !== undefined
  }

  get count(): number {
    return this.#held.size
  }

  /** Holds a request from its authentication on; `follow` or `release` of what is returned ends that. */
  hold(inbound: Inbound, principal: Principal): HeldRequest {
    const held = new HeldRequest(inbound, principal, (link) => void this.#held.remove(link))
    held.link = this.#held.push(held)
    return held
  }

  /** Ends the requests whose credentials are not good any more. */
  endUnless(isValid: (principal: Principal) => boolean): void {
    for (const held of this.#held.values) if (!isValid(held.principal)) held.end()
  }
}

/** Why `closed` has fired. */
const ended = 'the credentials have ended'

/** A request as its answerers see it: `closed` fires also when its credentials end. */
export class HeldRequest implements Inbound {
  readonly principal: Principal
  /** Its place among those that are held. */
  link: Link<HeldRequest> | undefined
  readonly #inbound: Inbound
  readonly #leave: (link: Link<HeldRequest>) => void
  /** Made when it is asked for: a request that is answered with one text needs none. */
  #closed: Cancel | undefined
  #body: EndableBody | undefined
  #hasEnded = false
  #refuseBody: (() => void) | undefined

  constructor(inbound: Inbound, principal: Principal, leave: (link: Link<HeldRequest>) => void) {
    this.#inbound = inbound
    this.principal = principal
    this.#leave = leave
  }

  get closed(): Cancel {
    this.#closed ??= this.#newClosed()
    return this.#closed
  }

  #newClosed(): Cancel {
    const closed = new Cancel()
    const { closed: client } = this.#inbound
    if (this.#hasEnded) closed.cancel(ended)
    else client.onCancel(() => closed.cancel(client.reason ?? 'client gone'))
    return closed
  }

  get method(): string {
    return this.#inbound.method
  }
  get path(): string {
    return this.#inbound.path
  }
  get query(): string {
    return this.#inbound.query ?? ''
  }
  get headers(): Inbound['headers'] {
    return this.#inbound.headers
  }
  get connection(): string {
    return this.#inbound.connection
  }
  get remoteAddress(): string | undefined {
    return this.#inbound.remoteAddress
  }

  /** Rejects with `unauthorized` once the credentials have ended: they may end while a slow client sends it. */
  body(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#refuseBody = () => reject(endedRefusal(this.principal))
      if (this.#hasEnded) this.#refuseBody()
      // What settles the promise would keep the text as long as the request lives.
      this.#inbound.body().then(
        (text) => {
          this.#refuseBody = undefined
          resolve(text)
        },
        (error: unknown) => {
          this.#refuseBody = undefined
          reject(error)
        },
      )
    })
  }

  /** Its answer: a stream is held until it ends, any other answer is complete. */
  follow(outbound: Outbound): Outbound {
    if (typeof outbound.body === 'string') {
      this.release()
      return outbound
    }
    this.#body = new EndableBody(outbound.body, () => this.release())
    if (this.#hasEnded || this.#inbound.closed.cancelled) this.#body.end()
    return { ...outbound, body: this.#body }
  }

  /** The request is over, or goes on without being held. */
  release(): void {
    if (this.link) this.#leave(this.link)
  }

  /** Its credentials have ended. */
  end(): void {
    this.#hasEnded = true
    this.release()
    this.#refuseBody?.()
    this.#closed?.cancel(ended)
    this.#body?.end()
  }
}

function endedRefusal({ issuer }: Principal): Refusal {
  const error = issuer === undefined ? undefined : 'invalid_token'
  const challenge = bearerChallenge({ error, scopes: [], metadata: undefined })
  return new Refusal('unauthorized', { headers: { 'WWW-Authenticate': challenge } })
}

const over: IteratorResult<string> = { done: true, value: undefined }

/** The pieces of a stream that can be ended while its next piece is waited for. */
class EndableBody implements AsyncIterableIterator<string> {
  readonly #pieces: AsyncIterator<string>
  readonly #done: () => void
  #isOver = false
  #settle: ((result: IteratorResult<string>) => void) | undefined

  constructor(body: AsyncIterable<string>, done: () => void) {
    this.#pieces = body[Symbol.asyncIterator]()
    this.#done = done
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<string>> {
    if (this.#isOver) return Promise.resolve(over)
    return new Promise((resolve, reject) => {
      this.#settle = resolve
      this.#pieces.next().then(
        (result) => {
          // It would keep this piece until the next one.
          this.#settle = undefined
          if (result.done === true) this.#finish()
          resolve(result)
        },
        (error: unknown) => {
          this.#finish()
          reject(error)
        },
      )
    })
  }

  /** Not after the pending piece, which may never come. */
  async return(): Promise<IteratorResult<string>> {
    this.#finish()
    await this.#pieces.return?.()
    return over
  }

  end(): void {
    const { wasOver, settle } = { wasOver: this.#isOver, settle: this.#settle }
    this.#finish()
    if (wasOver) return
    // Started, even if no piece was asked for: a generator that is returned before it starts never runs its `finally`.
    if (!settle) this.#pieces.next().catch(() => undefined)
    Promise.resolve(this.#pieces.return?.()).catch(() => undefined)
    settle?.(over)
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#done()
  }
}
