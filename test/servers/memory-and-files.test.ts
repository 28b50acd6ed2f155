/** The reference servers that keep things: a knowledge graph in a file, and a directory. The same, through mcplex and directly. */
import { cp, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type Mcplex, startMcplex } from '../support/mcplex.ts'
import { type Person, play, program, sdks, type Step } from './person.ts'
import { steady } from './same.ts'

const ask = (name: string, params: Readonly<Record<string, unknown>> = {}): Step => [
  `calls ${name} with ${JSON.stringify(params)}`,
  (person) => person.call(name, params),
]

const graph = 'memory://knowledge-graph'
const entity = (name: string): object => ({ name, entityType: 'person', observations: [`${name} is here`] })
const updated = 'notifications/resources/updated'

const memorySteps: readonly Step[] = [
  ['is told who serves', async ({ client }) => [client.getServerVersion(), client.getServerCapabilities()]],
  ['lists tools', ({ client }) => client.listTools()],
  ['lists resources', ({ client }) => client.listResources()],
  ask('create_entities', { entities: [entity('Ada'), entity('Grace')] }),
  ask('create_relations', { relations: [{ from: 'Ada', to: 'Grace', relationType: 'precedes' }] }),
  ask('add_observations', { observations: [{ entityName: 'Ada', contents: ['wrote "notes"\n—'] }] }),
  ask('add_observations', { observations: [{ entityName: 'Nobody', contents: ['x'] }] }),
  ask('read_graph'),
  ask('search_nodes', { query: 'notes' }),
  ask('open_nodes', { names: ['Grace', 'Nobody'] }),
  ask('open_nodes', { names: 'Grace' }),
  ['reads the graph', ({ client }) => client.readResource({ uri: graph })],
  [
    'subscribes to the graph, and is told when it changes',
    async (person) => {
      await person.client.subscribeResource({ uri: graph })
      await person.call('create_entities', { entities: [entity('Barbara')] })
      return person.told(updated)
    },
  ],
  [
    'unsubscribes, and is told no more',
    async (person) => {
      await person.client.unsubscribeResource({ uri: graph })
      const before = person.notes.length
      await person.call('delete_entities', { entityNames: ['Barbara'] })
      await person.call('read_graph')
      return person.notes.slice(before).filter(({ method }) => method === updated)
    },
  ],
  ask('delete_relations', { relations: [{ from: 'Ada', to: 'Grace', relationType: 'precedes' }] }),
  ask('read_graph'),
]

/** Steps in a directory of the run, which each run calls by another name. */
const fileSteps = (at: (...path: string[]) => string): readonly Step[] => [
  ['is told who serves', async ({ client }) => [client.getServerVersion(), client.getServerCapabilities()]],
  ['lists tools', ({ client }) => client.listTools()],
  [
    'is asked for its roots, which are then what is allowed',
    async (person) => {
      const allowed = async (): Promise<unknown> => person.call('list_allowed_directories')
      await eventually('the roots to be known', async () => JSON.stringify(await allowed()).includes(at()))
      return [await allowed(), person.asked.map(({ method }) => method)]
    },
  ],
  ['writes a file', (person) => person.call('write_file', { path: at('a.txt'), content: 'one\ntwo\nthrée 😀\n' })],
  ['reads it', (person) => person.call('read_text_file', { path: at('a.txt') })],
  ['reads its end', (person) => person.call('read_text_file', { path: at('a.txt'), tail: 1 })],
  ['reads several', (person) => person.call('read_multiple_files', { paths: [at('a.txt'), at('none.txt')] })],
  ['edits it', (person) => person.call('edit_file', { path: at('a.txt'), edits: [{ oldText: 'two', newText: '2' }] })],
  ['makes a directory', (person) => person.call('create_directory', { path: at('sub', 'deep') })],
  ['moves a file', (person) => person.call('move_file', { source: at('a.txt'), destination: at('sub', 'b.txt') })],
  ['lists', (person) => person.call('list_directory_with_sizes', { path: at() })],
  ['shows the tree', (person) => person.call('directory_tree', { path: at() })],
  ['searches', (person) => person.call('search_files', { path: at(), pattern: '**/*.txt' })],
  ['reads a picture', (person) => person.call('read_media_file', { path: at('dot.png') })],
  ['tells of a file', (person) => person.call('get_file_info', { path: at('sub', 'b.txt') })],
  ['reads a large file', (person) => person.call('read_text_file', { path: at('large.txt') })],
  ['is refused what is outside', (person) => person.call('read_text_file', { path: '/etc/hostname' })],
  ['is refused what is not there', (person) => person.call('read_text_file', { path: at('none.txt') })],
  ['is refused what makes no sense', (person) => person.call('read_text_file', { path: 7 })],
]

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

describe.each(sdks)('$name', ({ connect }) => {
  let [directory, mcplexes, people]: [string, Mcplex[], Person[]] = ['', [], []]
  beforeAll(async () => {
    directory = await realpath(await mkdtemp(join(tmpdir(), 'mcplex-servers-')))
    ;[mcplexes, people] = [[], []]
  })
  afterAll(async () => {
    await Promise.allSettled(people.map((person) => person.close()))
    const codes = await Promise.all(mcplexes.map(async (mcplex) => (await mcplex.end()).code))
    expect(codes).toEqual(codes.map(() => 0))
    expect(mcplexes.flatMap(({ log }) => log)).toEqual([])
    await rm(directory, { recursive: true })
  })

  async function start(server: readonly string[], ...options: string[]): Promise<string> {
    const mcplex = await startMcplex({ server, options: ['--log-level', 'warn', ...options] })
    mcplexes.push(mcplex)
    return mcplex.url
  }

  test('server-memory gives the same answers, and keeps the same', async () => {
    const server = [program('server-memory')]
    const file = (name: string): string => join(directory, `${name}.jsonl`)
    const url = await start(server, '--env', `MEMORY_FILE_PATH=${file('through')}`)
    const both = await Promise.all([
      connect({ args: server, env: { MEMORY_FILE_PATH: file('direct') } }),
      connect({ url }),
    ])
    people.push(...both)
    const [direct, through] = await Promise.all(both.map((person) => play(person, memorySteps)))
    expect(steady([...(through ?? [])])).toEqual(steady([...(direct ?? [])]))
    expect(JSON.stringify([...(direct ?? [])])).toContain('wrote')
  })

  test('server-filesystem gives the same answers, and leaves the same behind', async () => {
    const [one, other] = [join(directory, 'one'), join(directory, 'two')]
    const elsewhere = join(directory, 'elsewhere')
    for (const root of [one, elsewhere]) await cp(new URL('.', import.meta.url), root, { recursive: true })
    await writeFile(join(one, 'dot.png'), Buffer.from(png, 'base64'))
    await writeFile(join(one, 'large.txt'), 'línea\n'.repeat(300_000))
    await cp(one, other, { recursive: true })
    const server = [program('server-filesystem'), elsewhere]
    const url = await start(server)
    const both = await Promise.all([
      connect({ args: server, env: {} }, [pathToFileURL(one).href]),
      connect({ url }, [pathToFileURL(other).href]),
    ])
    people.push(...both)
    const [direct, through] = await Promise.all(
      both.map(async (person, at) => {
        const root = [one, other][at] ?? ''
        return steady(
          [
            ...(await play(
              person,
              fileSteps((...path) => join(root, ...path)),
            )),
          ],
          { directory: root },
        )
      }),
    )
    expect(through).toEqual(direct)
    expect(JSON.stringify(direct)).toContain('thrée 😀')
  })
})
