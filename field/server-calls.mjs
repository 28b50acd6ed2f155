// What each server is asked, beside its lists: calls that need no key and no network, and give the same each time.

/** @typedef {readonly [tool: string, args: Readonly<Record<string, unknown>>]} Call */

/** @type {Readonly<Record<string, readonly Call[]>>} */
const own = {
  'code-runner': [['run-code', { code: 'console.log(6 * 7)', languageId: 'javascript' }]],
  everything: [
    ['echo', { message: 'from the field' }],
    ['get-sum', { a: 2, b: 3 }],
    ['get-structured-content', { location: 'Chicago' }],
    ['get-tiny-image', {}],
    ['trigger-long-running-operation', { duration: 1, steps: 2 }],
  ],
  filesystem: [
    ['write_file', { path: 'note.txt', content: 'from the field' }],
    ['read_text_file', { path: 'note.txt' }],
    ['list_directory', { path: '.' }],
    ['read_text_file', { path: '/etc/hostname' }],
  ],
  memory: [
    ['create_entities', { entities: [{ name: 'field', entityType: 'place', observations: ['is wide'] }] }],
    ['search_nodes', { query: 'wide' }],
    ['read_graph', {}],
  ],
  mongodb: [['list-databases', {}]],
  playwright: [['browser_tabs', { action: 'nothing' }]],
  thinking: [
    ['sequentialthinking', { thought: 'first', thoughtNumber: 1, totalThoughts: 2, nextThoughtNeeded: true }],
    ['sequentialthinking', { thought: 'second', thoughtNumber: 2, totalThoughts: 2, nextThoughtNeeded: false }],
  ],
}

/**
 * The calls of a server: its own, one that lacks what a tool requires, and one of a tool that is not there.
 * @param {string} server
 * @param {readonly { name: string, inputSchema: { required?: readonly string[] } }[]} tools  that it lists
 * @returns {Call[]}
 */
export function callsOf(server, tools) {
  const strict = tools.find(({ inputSchema }) => (inputSchema.required ?? []).length > 0)
  return [...(own[server] ?? []), ...(strict ? [/** @type {Call} */ ([strict.name, {}])] : []), ['no-such-tool', {}]]
}
