/**
 * Takes the servers of a client's own configuration (Claude Desktop, Claude Code, Cursor, VS Code, Windsurf, Zed and
 * others) as upstreams, without a change to that file. What a client has beside its servers is ignored.
 */
import { nameShape } from '../name-shape.ts'
import { ownEntry, ownNames } from './client-names.ts'
import type { TextSpan } from './frame.ts'
import { type FileValue, isMembers, type FileMembers, membersOf, fileValueAt } from './file-value.ts'
import { type Path, pathKey, type Spot, type YamlText } from './read-yaml.ts'

/** Where clients keep their servers. */
const sections: readonly Path[] = [['mcpServers'], ['servers'], ['mcp', 'servers'], ['context_servers']]

/** Something that is done in another way than the file says. */
export interface Notice {
  readonly code: 'config_skipped' | 'config_name'
  readonly span: TextSpan
  readonly message: string
}

export interface WithoutClients {
  readonly value: FileValue
  readonly spots: ReadonlyMap<string, Spot>
  readonly notices: readonly Notice[]
  /** The names of the servers of a client there, by their names here. */
  readonly entries: ReadonlyMap<string, string>
  /** Whether it is a client's file, and not one of mcplex. */
  readonly isOfClient: boolean
}

/**
 * The same file with the servers of clients below `upstreams`.
 * @param isOwnUrl whether a running mcplex serves at this URL
 */
export function withoutClients(
  { value, spots }: Pick<YamlText, 'value' | 'spots'>,
  isOwnUrl: (url: string) => boolean = () => false,
): WithoutClients {
  const root = membersOf(value)
  const isOwn = Object.keys(root).some((name) => ownNames.has(name))
  const [section] = sections.filter(
    (path) => isMembers(fileValueAt(value, path)) && (!isOwn || path[0] === 'mcpServers'),
  )
  if (!section) return { value, spots, notices: [], entries: new Map(), isOfClient: false }
  const taken = new Taken(spots, new Set(Object.keys(membersOf(root['upstreams']))), isOwnUrl)
  for (const [name, entry] of Object.entries(membersOf(fileValueAt(value, section)))) taken.take(section, name, entry)
  const { mcpServers: _servers, ...others } = root
  const upstreams = { ...membersOf(root['upstreams']), ...taken.upstreams }
  return {
    value: { ...(isOwn && others), upstreams },
    spots: taken.spots,
    notices: taken.notices,
    entries: taken.entries,
    isOfClient: !isOwn,
  }
}

class Taken {
  readonly upstreams: { [name: string]: FileValue } = Object.create(null)
  readonly spots: Map<string, Spot>
  readonly notices: Notice[] = []
  readonly entries = new Map<string, string>()
  readonly #names: Set<string>
  readonly #isOwnUrl: (url: string) => boolean

  constructor(spots: ReadonlyMap<string, Spot>, names: Set<string>, isOwnUrl: (url: string) => boolean) {
    this.spots = new Map(spots)
    this.#names = names
    this.#isOwnUrl = isOwnUrl
  }

  take(section: Path, name: string, entry: FileValue): void {
    const path = [...section, name]
    const span = this.spots.get(pathKey(path))?.key ?? { start: 0, end: 0 }
    const notice = (code: Notice['code'], message: string): void => void this.notices.push({ code, span, message })
    const reason = whySkipped(name, membersOf(entry), this.#isOwnUrl)
    if (reason !== undefined) return notice('config_skipped', `"${name}" is not served: ${reason}`)
    const short = this.#free(name)
    if (short !== name) notice('config_name', `"${name}" is named ${short} here, since names are part of URLs`)
    if (membersOf(entry)['envFile'] !== undefined)
      notice('config_skipped', `the envFile of "${name}" is not read: hand its variables over in env`)
    this.#names.add(short)
    this.entries.set(short, name)
    this.upstreams[short] = isMembers(entry) ? serverOf(entry) : entry
    this.#copySpots(path, ['upstreams', short])
    // In files of Zed, the command is a mapping of its own.
    if (isMembers(membersOf(entry)['command'])) {
      this.#copySpots([...path, 'command', 'path'], ['upstreams', short, 'command'])
      for (const key of ['args', 'env']) this.#copySpots([...path, 'command', key], ['upstreams', short, key])
    }
  }

  /** A name of the allowed characters that no other upstream has. */
  #free(name: string): string {
    const cut = name
      .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
      .replaceAll(/^-+|-+$/g, '')
      .slice(0, 60)
    const plain = nameShape.test(cut) ? cut : 'server'
    let free = nameShape.test(name) ? name : plain
    for (let count = 2; this.#names.has(free); count++) free = `${plain}-${count}`
    return free
  }

  #copySpots(from: Path, to: Path): void {
    const prefix = pathKey(from)
    for (const [key, spot] of [...this.spots]) {
      if (key === prefix) this.spots.set(pathKey(to), spot)
      else if (key.startsWith(`${prefix}\0`)) this.spots.set(pathKey(to) + key.slice(prefix.length), spot)
    }
  }
}

function whySkipped(name: string, entry: FileMembers, isOwnUrl: (url: string) => boolean): string | undefined {
  if (entry['disabled'] === 'true' || entry['enabled'] === 'false') return 'it is turned off there'
  const urls = ['url', 'serverUrl', 'httpUrl'].map((key) => entry[key]).filter((url) => url !== undefined)
  const isRemote = urls.length > 0 && entry['command'] === undefined
  // It would connect to itself.
  if (isRemote && (name === ownEntry || urls.some((url) => typeof url === 'string' && isOwnUrl(url))))
    return 'it is the entry of mcplex itself'
  if (isRemote) return 'it runs at a URL; clients connect to it directly for now'
  const args = entry['args']
  const words = [entry['command'], ...(Array.isArray(args) ? args : [])].filter((word) => typeof word === 'string')
  // It would connect to itself.
  if (
    words.includes('connect') &&
    words.some((word) => /(?:^|[\\/])mcplex(?:@|$|[\\/])|[\\/]cli[\\/]main\.js$/.test(word))
  )
    return 'it is a bridge to mcplex itself'
  return undefined
}

/** What mcplex needs of an entry; clients keep more there, such as what is approved. */
function serverOf(entry: FileMembers): FileValue {
  const command = entry['command']
  // In files of Zed, the command is a mapping of its own.
  const parts: FileMembers = isMembers(command) ? command : entry
  const program = isMembers(command) ? command['path'] : command
  const server = { command: program, args: parts['args'], env: parts['env'], cwd: entry['cwd'] }
  return Object.fromEntries(Object.entries(server).filter(([, value]) => value !== undefined))
}
