/** The reference server that keeps a knowledge graph in a file. */
import { join } from 'node:path'
import { calls, program, type Script, type Step } from '../test-client.ts'

const graph = 'memory://knowledge-graph'
const entity = (name: string): object => ({ name, entityType: 'testClient', observations: [`${name} is here`] })
const updated = 'notifications/resources/updated'

const steps: readonly Step[] = [
  ['gets the server description', async ({ client }) => [client.getServerVersion(), client.getServerCapabilities()]],
  ['lists tools', ({ client }) => client.listTools()],
  ['lists resources', ({ client }) => client.listResources()],
  calls('create_entities', { entities: [entity('Ada'), entity('Grace')] }),
  calls('create_relations', { relations: [{ from: 'Ada', to: 'Grace', relationType: 'precedes' }] }),
  calls('add_observations', { observations: [{ entityName: 'Ada', contents: ['wrote "notes"\n—'] }] }),
  calls('add_observations', { observations: [{ entityName: 'Nobody', contents: ['x'] }] }),
  calls('read_graph'),
  calls('search_nodes', { query: 'notes' }),
  calls('open_nodes', { names: ['Grace', 'Nobody'] }),
  calls('open_nodes', { names: 'Grace' }),
  ['reads the graph', ({ client }) => client.readResource({ uri: graph })],
  [
    'subscribes to the graph, and is told when it changes',
    async (testClient) => {
      const unfollow = await testClient.follow(graph)
      await testClient.call('create_entities', { entities: [entity('Barbara')] })
      const update = await testClient.told(updated)
      await unfollow()
      return update
    },
  ],
  [
    'does not follow it any more, and is told no more',
    async (testClient) => {
      const before = testClient.notes.length
      await testClient.call('delete_entities', { entityNames: ['Barbara'] })
      await testClient.call('read_graph')
      return testClient.notes.slice(before).filter(({ method }) => method === updated)
    },
  ],
  calls('delete_relations', { relations: [{ from: 'Ada', to: 'Grace', relationType: 'precedes' }] }),
  calls('read_graph'),
]

export const memory: Script = {
  server: 'server-memory',
  keepsThings: true,
  asks: false,
  prepare: (folder) =>
    Promise.resolve({
      args: [program('server-memory')],
      env: { MEMORY_FILE_PATH: join(folder, 'graph.jsonl') },
      roots: [],
      steps,
    }),
  failing: [],
}
