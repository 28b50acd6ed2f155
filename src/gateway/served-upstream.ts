/** An upstream that the gateway serves: the server, its catalogue, and how its start went. */
import type { Catalog } from '../catalog/catalog.ts'
import type { UpstreamSetup } from '../upstreams/options.ts'
import type { Upstream, UpstreamFacts } from '../upstreams/upstream.ts'
import type { Member } from '../router/member.ts'
import { startingMember } from './starting-member.ts'
import type { HealthCheck } from '../protocol/health.ts'
import type { RawObject } from '../protocol/json-text.ts'

/** What makes an upstream and its catalogue out of settings; nothing runs before its start. */
export type CreateUpstream = (
  name: string,
  setup: UpstreamSetup,
) => { readonly upstream: Upstream; readonly catalog: Catalog }

export class ServedUpstream {
  readonly name: string
  readonly setup: UpstreamSetup
  readonly upstream: Upstream
  readonly catalog: Catalog
  readonly #starting: Member
  #startIsOver = (): void => {}
  #facts: UpstreamFacts | undefined
  #failure: unknown

  constructor(name: string, setup: UpstreamSetup, create: CreateUpstream) {
    const { upstream, catalog } = create(name, setup)
    this.name = name
    this.setup = setup
    this.upstream = upstream
    this.catalog = catalog
    this.#starting = startingMember(this, new Promise((resolve) => (this.#startIsOver = resolve)))
  }

  /** What the start has found out; undefined until then. */
  get facts(): UpstreamFacts | undefined {
    return this.#facts
  }

  /** What it is for a router: the same object, until its start is over. */
  get member(): Member {
    return this.standing === 'starting' ? this.#starting : this
  }

  get standing(): 'starting' | 'started' | 'failed' {
    if (this.#facts) return 'started'
    return this.#failure === undefined ? 'starting' : 'failed'
  }

  /** Starts the upstream; throws what its `start` throws. @param discovered see `Upstream.start` */
  async start(discovered: (serverDescription: RawObject) => void): Promise<UpstreamFacts> {
    try {
      this.#facts = await this.upstream.start(discovered)
      return this.#facts
    } catch (error) {
      this.#failure = error
      throw error
    } finally {
      this.#startIsOver()
    }
  }

  /** Whether calls can be served. The detail holds nothing of the inside. */
  async health(): Promise<HealthCheck> {
    if (this.standing === 'starting') return { ok: false, detail: 'the server is being started' }
    if (this.standing === 'failed') return { ok: false, detail: 'the server could not be started; it is tried again' }
    return this.upstream.health()
  }
}
