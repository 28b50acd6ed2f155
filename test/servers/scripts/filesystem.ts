/** The reference server that works in a directory: the one of its command line, or those that are the client's roots. */
import { mkdir, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { eventually } from '../../support/eventually.ts'
import { program, type Script, type Step } from '../test-client.ts'

/** Steps in a directory of the run, which each run calls by another name. */
const stepsIn = (at: (...path: string[]) => string): readonly Step[] => [
  ['gets the server description', async ({ client }) => [client.getServerVersion(), client.getServerCapabilities()]],
  ['lists tools', ({ client }) => client.listTools()],
  [
    'is asked for its roots, which are then what is allowed',
    async (testClient) => {
      const allowed = async (): Promise<unknown> => testClient.call('list_allowed_directories')
      await eventually('the roots to be known', async () => JSON.stringify(await allowed()).includes(at()))
      return [await allowed(), testClient.asked.map(({ method }) => method)]
    },
    'session',
  ],
  [
    'writes a file',
    (testClient) => testClient.call('write_file', { path: at('a.txt'), content: 'one\ntwo\nthrée 😀\n' }),
  ],
  ['reads it', (testClient) => testClient.call('read_text_file', { path: at('a.txt') })],
  ['reads its end', (testClient) => testClient.call('read_text_file', { path: at('a.txt'), tail: 1 })],
  ['reads several', (testClient) => testClient.call('read_multiple_files', { paths: [at('a.txt'), at('none.txt')] })],
  [
    'edits it',
    (testClient) => testClient.call('edit_file', { path: at('a.txt'), edits: [{ oldText: 'two', newText: '2' }] }),
  ],
  ['makes a directory', (testClient) => testClient.call('create_directory', { path: at('sub', 'deep') })],
  [
    'moves a file',
    (testClient) => testClient.call('move_file', { source: at('a.txt'), destination: at('sub', 'b.txt') }),
  ],
  ['lists', (testClient) => testClient.call('list_directory_with_sizes', { path: at() })],
  ['shows the tree', (testClient) => testClient.call('directory_tree', { path: at() })],
  ['searches', (testClient) => testClient.call('search_files', { path: at(), pattern: '**/*.txt' })],
  ['reads a picture', (testClient) => testClient.call('read_media_file', { path: at('dot.png') })],
  ['tells of a file', (testClient) => testClient.call('get_file_info', { path: at('sub', 'b.txt') })],
  ['reads a large file', (testClient) => testClient.call('read_text_file', { path: at('large.txt') })],
  ['is refused what is outside', (testClient) => testClient.call('read_text_file', { path: '/etc/hostname' })],
  ['is refused what is not there', (testClient) => testClient.call('read_text_file', { path: at('none.txt') })],
  ['is refused what makes no sense', (testClient) => testClient.call('read_text_file', { path: 7 })],
]

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

export const filesystem: Script = {
  server: 'server-filesystem',
  keepsThings: false,
  asks: false,
  async prepare(folder) {
    const root = await realpath(folder)
    await mkdir(join(root, 'kept'))
    await writeFile(join(root, 'kept', 'note.txt'), 'a note')
    await writeFile(join(root, 'dot.png'), Buffer.from(png, 'base64'))
    await writeFile(join(root, 'large.txt'), 'línea\n'.repeat(300_000))
    return {
      args: [program('server-filesystem'), root],
      env: {},
      roots: [pathToFileURL(root).href],
      steps: stepsIn((...path) => join(root, ...path)),
    }
  },
  failing: [],
}
