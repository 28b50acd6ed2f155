/**
 * Prints the results as a document: a table for each set of transports over which everything comes to the same, a row
 * for each feature, a column for each client and server. The order of the results does not matter.
 */
import { format, resolveConfig } from 'prettier'
import { features } from './features/all.ts'
import { type Column, columns, moduleColumns } from './columns.ts'
import { moduleTransportNames, transportNames } from './lanes.ts'

export interface Cell {
  readonly section: string
  readonly name: string
  readonly client: string
  readonly server: string
  readonly transport: string
  /** What came of it. */
  readonly verdict: string
  /** What the test asked for. */
  readonly wanted: string
}

const head = `# Who can do what with whom

Every client before every server over every transport, as the tests found it: this document is printed from their
results, and a test fails when they differ (\`test/compatibility/\`). Each cell was tried; none is filled in by a rule. (A client that a
transport turns away is turned away once, for all of its cells.) HTTP/2 is the one in cleartext, by prior knowledge.

Clients are named by the newest revision of the protocol that they speak. A server is **old** (with sessions, 2025-11-25 and before), **new** (stateless,
2026-07-28) or **dual** (both, and mcplex speaks with it as the client does). **†** is the same server where the operator
has said \`--stateless principal\`: without the word, clients of 2026-07-28 are told to open a session, since they would share
a process where each session has its own ([why](decisions/0025-stateless-clients-are-refused.md)).

- **yes**: it works, as far as the letter beside it says.
- **no**: it cannot be had here, and a client that tries is told so with the reason.
- **–**: there is nothing to be had: the revision of the client or the server has no such thing. That was tried, too.
`

const modulesHead = `The tables below have a server of the era with sessions as a [module](tools.md): as an object of each major of the official SDK, in the
process of mcplex. What it does is what **old** does above, as far as the SDK lets it through.`

/** The document, formatted as the others. */
export async function compatibilityDocument(cells: readonly Cell[]): Promise<string> {
  const reasons = createReasons()
  const tables = (all: readonly Column[], names: readonly string[]): string[] =>
    groups(all, names, cells).map((group) => tableOf(all, group, cells, reasons))
  const programs = tables(columns, transportNames)
  const modules = tables(moduleColumns, moduleTransportNames)
  const counts = (word: string): number => cells.filter(({ verdict }) => verdict.split(':')[0] === word).length
  const text = [
    head,
    `${cells.length} cells: ${counts('works')} work, ${counts('refused')} are refused with a reason, in ${counts('-')} there is nothing to be had.`,
    ...programs,
    modulesHead,
    ...modules,
    '## The letters',
    reasons.listed(),
  ].join('\n\n')
  return format(text, { ...(await resolveConfig(import.meta.filename)), parser: 'markdown' })
}

const keyOf = ({ name, client, server, transport }: Omit<Cell, 'section' | 'verdict' | 'wanted'>): string =>
  [name, client, server, transport].join('|')

/** Transports over which everything comes to the same, together; in the order in which they are named first. */
function groups(
  shown: readonly Column[],
  names: readonly string[],
  cells: readonly Cell[],
): readonly (readonly string[])[] {
  const verdicts = new Map(cells.map((cell) => [keyOf(cell), cell.verdict]))
  const same = new Map<string, string[]>()
  for (const transport of names) {
    const all = shown.flatMap((column) =>
      features.map(({ name }) => verdicts.get(keyOf({ ...column, name, transport })) ?? ''),
    )
    const key = all.join('\n')
    same.set(key, [...(same.get(key) ?? []), transport])
  }
  return [...same.values()]
}

function tableOf(
  shown: readonly Column[],
  transports: readonly string[],
  cells: readonly Cell[],
  reasons: Reasons,
): string {
  const [transport = ''] = transports
  const verdicts = new Map(cells.map((cell) => [keyOf(cell), cell.verdict]))
  const row = (name: string): string => {
    const words = shown.map((column) => reasons.word(verdicts.get(keyOf({ name, ...column, transport })) ?? ''))
    return `| ${[name, ...words].join(' | ')} |`
  }
  const lines = [
    `## ${shown === moduleColumns ? 'A module, over ' : ''}${transports.join(', ')}`,
    '',
    `| client | ${shown.map(({ client }) => client).join(' | ')} |`,
    `| --- |${shown.map(() => ' --- |').join('')}`,
    `| **server** | ${shown.map(({ server }) => server).join(' | ')} |`,
  ]
  let section = ''
  for (const feature of features) {
    if (feature.section !== section) lines.push(`| **${feature.section}** |${shown.map(() => ' |').join('')}`)
    section = feature.section
    lines.push(row(feature.name))
  }
  return lines.join('\n')
}

interface Reasons {
  /** A verdict as a cell says it, with a letter for its reason. */
  word(verdict: string): string
  /** What the letters mean. */
  listed(): string
}

function createReasons(): Reasons {
  const letters = new Map<string, string>()
  const words: Readonly<Record<string, string>> = { works: 'yes', refused: 'no', '-': '–' }
  return {
    word(verdict) {
      const [word = '', ...rest] = verdict.split(': ')
      const reason = rest.join(': ')
      if (reason === '') return words[word] ?? verdict
      if (!letters.has(reason)) letters.set(reason, letterAt(letters.size))
      return `${words[word] ?? word} ${letters.get(reason) ?? ''}`
    },
    listed: () => [...letters].map(([reason, letter]) => `- **${letter}** ${reason}`).join('\n'),
  }
}

/** a, b … z, aa … */
function letterAt(index: number): string {
  const letter = String.fromCodePoint(97 + (index % 26))
  return index < 26 ? letter : letterAt(Math.floor(index / 26) - 1) + letter
}
