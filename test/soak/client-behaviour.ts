/** What clients do in the soak test: each connects, works, checks that all that it gets is its own, and leaves or vanishes. */
import { openStreamClient } from '../support/stream-client.ts'
import { openSession } from '../support/session.ts'
import { ask } from '../support/stateless.ts'

/** One client from its connection to its end. Throws if the client gets what is not its own. */
export type Life = (url: string, own: string) => Promise<void>

/** Within a life nothing takes longer than a call of this time. */
const slowMs = 300

async function polite(url: string, own: string): Promise<void> {
  const session = await openSession(url)
  same(await session.text('echo', { text: own }), own)
  await session.request('tools/list')
  await (await session.end()).whole()
}

async function vanishing(url: string, own: string): Promise<void> {
  const session = await openSession(url)
  const stream = await session.listen()
  await session.text('remember', { key: 'own', value: own })
  same(await session.text('recall', { key: 'own' }), own)
  stream.cut()
}

async function cutting(url: string, own: string): Promise<void> {
  const session = await openSession(url)
  const answer = await session.call('notify', { count: 20, bytes: 1000 }, { progressToken: own, cutAfter: 3000 })
  await answer.over
  same(await session.text('echo', { text: own }), own)
}

async function resuming(url: string, own: string): Promise<void> {
  const session = await openSession(url)
  const answer = await session.call('slow', { ms: slowMs, steps: 3 }, { id: own, progressToken: own })
  await answer.event('some progress', ({ data }) => data.includes('progress'))
  answer.cut()
  const isResult = ({ data }: { readonly data: string }): boolean => data.includes(`"id":"${own}"`)
  // On a slow machine the result may have come together with the progress: nothing is left to resume then.
  if (!answer.events.some(isResult)) {
    const again = await session.listen(answer.lastEventId)
    await again.event('the result', isResult)
  }
  await (await session.end()).whole()
}

async function onOneStream(url: string, own: string): Promise<void> {
  const client = await openStreamClient(url)
  same(await client.text('echo', { text: own }), own)
  client.stream.cut()
}

async function unfinished(url: string): Promise<void> {
  await openSession(url, { unfinished: true })
}

async function discovering(url: string): Promise<void> {
  await (await ask(url, 'server/discover')).whole()
}

export const lives: readonly Life[] = [polite, vanishing, cutting, resuming, onOneStream, unfinished, discovering]

function same(got: string, own: string): void {
  if (got !== own) throw new Error(`a client got ${JSON.stringify(got.slice(0, 200))} instead of its own ${own}`)
}
