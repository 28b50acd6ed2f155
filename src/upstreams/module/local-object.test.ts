import { expect, test } from 'vitest'
import { systemClock } from '../../base/clock.ts'
import { callScopes } from '../../use-call/call-scope.ts'
import { LocalObject } from './local-object.ts'
import type { CallerFacts } from './object-host.ts'

const facts: CallerFacts = {
  tenant: '',
  subject: '',
  session: 's',
  revision: '2025-11-25',
  capabilities: {},
  info: undefined,
}

interface Transport {
  start(): Promise<void>
  send(message: object): Promise<void>
}

test('a message is handled in the scope of its call, and what it makes mcplex do is not', async () => {
  const scopes: unknown[] = []
  let answer: (text: string) => void = () => {}
  const answered = new Promise<string>((resolve) => (answer = resolve))
  const object = new LocalObject({
    factory: () => ({
      async connect(transport: Transport) {
        const onmessage = ({ id }: { id: number }): void => {
          scopes.push(callScopes().getStore()?.call?.session?.id)
          void transport.send({ jsonrpc: '2.0', id, result: {} })
        }
        Object.assign(transport, { onmessage })
        await transport.start()
      },
    }),
    listener: {
      message(text) {
        scopes.push(callScopes().getStore())
        answer(text)
      },
      ended: ({ what }) => answer(what),
      complained: ({ what }) => answer(what),
    },
    owner: facts,
    sessions: { read: async () => ({ values: {}, version: 0 }), replace: async () => true, history: () => [] },
    clock: systemClock,
    made: new WeakSet(),
  })
  object.send('{"jsonrpc":"2.0","id":1,"method":"tools/list"}', facts)
  expect(await answered).toBe('{"jsonrpc":"2.0","id":1,"result":{}}')
  expect(scopes).toEqual(['s', undefined])
  await object.close()
})
