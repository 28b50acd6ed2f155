// Prints `docs/field.md` from what a whole run has found.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'

import { clientOf, clients } from './clients.mjs'
import { serverCommand, servers } from './servers.mjs'

/** @import { Compared as ClientCompared } from './client-comparison.mjs' */
/** @import { Compared as ServerCompared } from './server-comparison.mjs' */
/** @import { Sent } from './recorder.mjs' */

/**
 * What a run has found; each by name. A failure is why there is nothing to compare.
 * @typedef {object} Run
 * @property {Map<string, ClientCompared | { failure: string }>} clients
 * @property {Map<string, string>} ownValues   whether the clients found their own values, in words
 * @property {Map<string, ServerCompared | { failure: string }>} servers
 * @property {string} machine   the system, and the versions of Node
 */

const SHOWN_CHARS = 160

/** @param {Run} run */
export function fieldDocument({ clients: tried, ownValues, servers: asked, machine }) {
  return `# The field: what was tried

<!-- Printed by \`npm run field\`. Do not edit. -->

This page is printed by \`npm run field\`: clients and servers that people run, each from npm in one version, directly and
through mcplex, with what needs neither a key nor a network. It was last run on ${machine}. A difference is whatever is not
the same in both places. How it is done, and how to try one of them, says [field/README.md](../field/README.md).

## Clients

Each is put before the reference server that has everything (\`${serverCommand('everything').package}\`
${serverCommand('everything').version}): directly, as that server listens by itself, and through mcplex, which starts it.
Compared are the names of the tools and the results of three calls.

${table(
  [
    'client',
    'version',
    'how',
    'tools, and calls that give the same',
    'many at once, each finds its own',
    'what differs',
  ],
  sorted(tried).map(([name, found]) => clientRow(name, found, ownValues.get(name) ?? '')),
)}

What they send through mcplex, as recorded in front of it:

${table(['client', 'first request', 'era it settles on', 'Accept', 'version header', 'User-Agent', 'its name and what it can take'], rowsOf(tried, sentRow))}

What they do when the session has ended behind their back, which the next call is told (through mcplex by
${refusals(tried, 'through')}, by that server alone by ${refusals(tried, 'direct')}), and whether they end a session themselves by DELETE when
they close:

${table(['client', 'the next call, directly', 'the next call, through mcplex', 'what is sent for it', 'DELETE'], rowsOf(tried, lossRow))}

## Servers

Each is asked by a client of the official SDK (\`${clientOf('sdk').package}\` ${clientOf('sdk').version}): directly by
stdio, and through mcplex by Streamable HTTP. Compared are its name, capabilities and instructions, its whole lists, and calls that need
nothing outside: some of its own, one that lacks an argument, and one of a tool that is not there.

${table(
  ['server', 'package', 'version', 'tools', 'prompts', 'resources', 'calls', 'result'],
  sorted(asked).map(([name, found]) => serverRow(name, found)),
)}
`
}

/**
 * By name, whichever was done first.
 * @template T
 * @param {Map<string, T>} found
 */
const sorted = (found) => [...found].toSorted(([one], [other]) => (one < other ? -1 : 1))

/**
 * @param {string[]} head
 * @param {string[][]} rows
 */
function table(head, rows) {
  const line = (/** @type {string[]} */ cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/**
 * @param {string} name
 * @param {ClientCompared | { failure: string }} found
 * @param {string} own
 */
function clientRow(name, found, own) {
  const { title, version, kind, package: of } = clientOf(name)
  const start = [`${title} (\`${of}\`)`, version, kind]
  if ('failure' in found) return [...start, '', own, `**failed**: ${short(found.failure)}`]
  if ('missing' in found) return [...start, '', own, `not tried, because ${found.missing}`]
  const { direct, through, differences } = found
  const alike = direct.results.filter((result, number) => result === through.results[number]).length
  const counts = `${through.tools.length}, ${alike} of ${direct.results.length}`
  return [...start, counts, own, differences.length === 0 ? 'nothing' : differences.map(short).join('; ')]
}

/**
 * @param {Run['clients']} tried
 * @param {(found: Extract<ClientCompared, { through: any }>) => string[]} cells
 */
const rowsOf = (tried, cells) =>
  sorted(tried).flatMap(([name, found]) => ('through' in found ? [[clientOf(name).title, ...cells(found)]] : []))

/** @type {(found: Extract<ClientCompared, { through: any }>) => string[]} */
function sentRow({ through: { requests } }) {
  const [first] = requests
  const begun = requests.find(({ message }) => message?.method === 'initialize')
  const later = requests.find(({ message }) => message?.method === 'tools/list')
  const { capabilities = {} } = begun?.message.params ?? {}
  const names = requests.flatMap(({ message }) => steady(message?.params?.clientInfo?.name) ?? [])
  const era = begun ? `session-based, ${begun.message.params.protocolVersion}` : 'stateless'
  const takes = Object.keys(capabilities).join(', ')
  return [
    first ? spoken(first) : '',
    era,
    code(later?.headers['accept']),
    code(later?.headers['mcp-protocol-version']),
    code(steady(later?.headers['user-agent'])),
    `${[...new Set(names)].map(code).join(', then ')}; ${takes || 'nothing'}`,
  ]
}

/** @type {(found: Extract<ClientCompared, { through: any }>) => string[]} */
function lossRow({ direct, through }) {
  const sent = through.afterLoss.map((one) => `${spoken(one)} ${one.status ?? 'without an answer'}`)
  const ends = through.requests.some(({ method }) => method === 'DELETE')
  return [outcome(direct.afterwards), outcome(through.afterwards), runs(sent).join(', '), ends ? 'yes' : 'no']
}

/**
 * The statuses by which the calls after the loss were refused.
 * @param {Run['clients']} tried
 * @param {'direct' | 'through'} place
 */
function refusals(tried, place) {
  const sent = [...tried.values()].flatMap((found) => ('through' in found ? found[place].afterLoss : []))
  const calls = sent.filter(({ message, status = 0 }) => message?.method === 'tools/call' && status >= 400)
  return [...new Set(calls.map(({ status }) => status))].join(' or ')
}

/** @param {string | undefined} result */
const outcome = (result) =>
  result === undefined ? 'it has no session' : result === 'Echo: again' ? 'succeeds' : 'fails'

/**
 * A request in words.
 * @param {Sent} sent
 */
function spoken({ method, path, message }) {
  if (message === undefined) return code(`${method} ${path}`)
  return code(message.method ?? 'a response')
}

/**
 * The same again and again is said once.
 * @param {string[]} lines
 */
function runs(lines) {
  /** @type {{ line: string, count: number }[]} */
  const told = []
  for (const line of lines) {
    const last = told.at(-1)
    if (last?.line === line) last.count++
    else told.push({ line, count: 1 })
  }
  return told.map(({ line, count }) => (count === 1 ? line : `${line} (${count} times)`))
}

/**
 * @param {string} name
 * @param {ServerCompared | { failure: string }} found
 */
function serverRow(name, found) {
  const { package: of, version } = serverCommand(name)
  const start = [name, `\`${of}\``, version]
  if ('failure' in found) return [...start, '', '', '', '', `**failed**: ${short(found.failure)}`]
  const { direct, through, differences } = found
  const count = (/** @type {any} */ list) => (list === undefined ? '-' : String(list.length))
  const pair = (/** @type {string} */ one, /** @type {string} */ other) =>
    one === other ? one : `${one}, through mcplex ${other}`
  return [
    ...start,
    pair(count(direct.tools), count(through.tools)),
    pair(count(direct.prompts?.prompts), count(through.prompts?.prompts)),
    pair(count(direct.resources?.resources), count(through.resources?.resources)),
    count(direct.calls),
    differences.length === 0 ? 'as directly' : differences.map(short).join('; '),
  ]
}

/** @param {string | undefined} text */
const code = (text) => (text === undefined ? 'none' : `\`${text}\``)

/**
 * Without the address of this run.
 * @param {string | undefined} text
 */
const steady = (text) => text?.replace(/localhost:\d+/, 'localhost:PORT')

/** @param {string} text */
const short = (text) => text.replaceAll('\n', ' ').slice(0, SHOWN_CHARS)

/** What the field has: the packages of clients and servers, and every folder of theirs. */
function field() {
  const folders = ['clients', 'servers'].flatMap((kind) =>
    readdirSync(join(import.meta.dirname, kind), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => ({ name, know: kind === 'clients' ? clientOf : serverCommand })),
  )
  // Throws for a folder that is in no table.
  return [...clients.map(clientOf), ...servers.map(serverCommand), ...folders.map(({ name, know }) => know(name))]
}

/**
 * What `docs/field.md` does not name although the field has it.
 * @param {string} page
 */
export function unnamed(page) {
  const rows = page.split('\n').filter((line) => line.startsWith('|'))
  const isNamed = (/** @type {{ package: string, version: string }} */ one) =>
    rows.some((row) => row.includes(`\`${one.package}\``) && row.includes(` ${one.version} `))
  const missing = field().filter((one) => !isNamed(one))
  return [...new Set(missing.map((one) => `${one.package} ${one.version}`))]
}

/**
 * The clients that a document does not name with their versions.
 * @param {string} text
 */
export const untold = (text) =>
  clients
    .map(clientOf)
    .flatMap(({ title, version }) => (text.includes(`${title} ${version}`) ? [] : `${title} ${version}`))
