/**
 * A bounded queue that is fair between keys: it serves the keys in turn, so that a client with a hundred entries does not
 * delay a client with one. An entry has a path of keys, such as tenant and session: tenants share what there is by their
 * weights, and then the sessions of each tenant share what is its. The owner of an entry keeps its deadline.
 *
 * This is deficit round robin (Shreedhar and Varghese, 1995) at each level of the path, with entries of equal cost: a key
 * whose turn it is gets as many entries as its weight, and what is left of a fraction counts in its next turn.
 */
import { type Link, LinkedList } from './linked-list.ts'

export interface FairQueueNeeds {
  /** How many entries it may have. */
  readonly bound: number
  /**
   * The weight of the last key of `path`, against the other keys that follow the same ones: at least 1, which is the
   * default. Asked when the key gets its first entry.
   */
  readonly weightOf?: (path: readonly string[]) => number
}

/** An entry in the queue. */
export interface Queued<Entry> {
  readonly entry: Entry
  readonly isQueued: boolean
}

export class FairQueue<Entry> {
  readonly #needs: FairQueueNeeds
  #root: Keyed<Entry> = keyed('', 1)

  /** @param needs its bound, or more */
  constructor(needs: number | FairQueueNeeds) {
    this.#needs = typeof needs === 'number' ? { bound: needs } : needs
  }

  get size(): number {
    return this.#root.size
  }

  get isFull(): boolean {
    return this.size >= this.#needs.bound
  }

  /** All entries, key by key in the order in which they are served next. */
  get entries(): Entry[] {
    return entriesIn(this.#root)
  }

  /** Adds an entry at the end of the line of its path. All paths have the same length. Returns undefined if the queue is full. */
  add(path: readonly string[], entry: Entry): Queued<Entry> | undefined {
    if (this.isFull) return undefined
    let node = this.#root
    node.size++
    for (const [depth, key] of path.entries()) {
      node = node.children.get(key) ?? this.#addKey(node, path.slice(0, depth + 1), key)
      node.size++
    }
    return new QueuedEntry(entry, node)
  }

  /** Removes one entry, wherever it stands. Returns false if it is not in the queue. */
  remove(queued: Queued<Entry>): boolean {
    if (!(queued instanceof QueuedEntry) || !queued.leave()) return false
    for (let node: Keyed<Entry> | undefined = queued.line; node; node = node.parent)
      if (--node.size === 0 && node.parent) {
        node.parent.children.delete(node.key)
        if (node.link) node.parent.turns.remove(node.link)
      }
    return true
  }

  /**
   * Offers the first entry of each line in turn until one is taken.
   * @param take returns whether it takes the entry; it may add and remove entries, even this one, but must not call `offer`
   * @returns whether an entry was taken
   */
  offer(take: (entry: Entry) => boolean): boolean {
    return this.#offerIn(this.#root, take)
  }

  /** How many entries are served before one that is added now, as long as none is added, removed or refused meanwhile. */
  ahead(path: readonly string[]): number {
    return this.#ahead(path, ({ size }) => size)
  }

  /** The same for an entry that is in the queue: `entry`, in the line of the path. */
  aheadOf(path: readonly string[], entry: Entry): number {
    return this.#ahead(path, ({ line }) =>
      Math.max(
        0,
        line.values.findIndex((queued) => queued.entry === entry),
      ),
    )
  }

  #ahead(path: readonly string[], inOwnLine: (node: Keyed<Entry>) => number): number {
    const nodes: Array<Keyed<Entry> | undefined> = [this.#root]
    for (const key of path) nodes.push(nodes.at(-1)?.children.get(key))
    const own = nodes.at(-1)
    let ahead = own ? inOwnLine(own) : 0
    for (let depth = path.length; depth > 0; depth--) {
      const parent = nodes[depth - 1]
      if (parent) ahead += aheadOf(nodes[depth] ?? keyed('', this.#weightOf(path.slice(0, depth))), parent, ahead + 1)
    }
    return ahead
  }

  /**
   * The entry that has to go, for the queue to stay fair, if one with this path comes to a full queue: the last one of the
   * longest line of the key that has the most. Undefined if that is the line of the path itself.
   */
  lastOfLongest(path: readonly string[]): Queued<Entry> | undefined {
    let node = this.#root
    let isOwn = true
    for (const [depth, key] of path.entries()) {
      let heaviest = isOwn ? node.children.get(key) : undefined
      let share = isOwn
        ? ((heaviest?.size ?? 0) + 1) / (heaviest?.weight ?? this.#weightOf(path.slice(0, depth + 1)))
        : 0
      let isOwnNext: boolean = isOwn
      for (const child of node.turns.values) {
        if ((isOwn && child.key === key) || child.size / child.weight <= share) continue
        heaviest = child
        share = child.size / child.weight
        isOwnNext = false
      }
      if (!heaviest) return undefined
      node = heaviest
      isOwn = isOwnNext
    }
    return isOwn ? undefined : node.line.last
  }

  /** Removes all entries and returns them. */
  drain(): Entry[] {
    const all: Entry[] = []
    for (const queued of queuedIn(this.#root)) {
      queued.leave()
      all.push(queued.entry)
    }
    this.#root = keyed('', 1)
    return all
  }

  #weightOf(path: readonly string[]): number {
    return Math.max(1, this.#needs.weightOf?.(path) ?? 1)
  }

  #addKey(parent: Keyed<Entry>, path: readonly string[], key: string): Keyed<Entry> {
    const node = keyed<Entry>(key, this.#weightOf(path), parent)
    parent.children.set(key, node)
    node.link = parent.turns.push(node)
    return node
  }

  #offerIn(node: Keyed<Entry>, take: (entry: Entry) => boolean): boolean {
    const first = node.line.first
    if (first) {
      if (!take(first.entry)) return false
      this.remove(first)
      return true
    }
    return node.turns.some((child) => this.#offerIn(child, take) && served(child))
  }
}

/** A key at its place in the paths. It has keys that follow it, or a line of entries. */
interface Keyed<Entry> {
  readonly key: string
  readonly weight: number
  readonly parent: Keyed<Entry> | undefined
  /** Its place among the keys that have turns. */
  link: Link<Keyed<Entry>> | undefined
  /** How many entries it and the keys that follow have. */
  size: number
  /** How many entries it may still get in this turn; below 1 it has no turn, and the fraction counts in the next one. */
  credit: number
  readonly children: Map<string, Keyed<Entry>>
  /** The children, in the order of their turns. */
  readonly turns: LinkedList<Keyed<Entry>>
  readonly line: LinkedList<QueuedEntry<Entry>>
}

function keyed<Entry>(key: string, weight: number, parent?: Keyed<Entry>): Keyed<Entry> {
  const lists = { children: new Map<string, Keyed<Entry>>(), turns: new LinkedList<Keyed<Entry>>() }
  return { key, weight, parent, link: undefined, size: 0, credit: 0, ...lists, line: new LinkedList() }
}

class QueuedEntry<Entry> implements Queued<Entry> {
  readonly entry: Entry
  readonly line: Keyed<Entry>
  readonly #link: Link<QueuedEntry<Entry>>

  constructor(entry: Entry, line: Keyed<Entry>) {
    this.entry = entry
    this.line = line
    this.#link = line.line.push(this)
  }

  get isQueued(): boolean {
    return this.#link.isIn
  }

  leave(): boolean {
    return this.line.line.remove(this.#link)
  }
}

/** An entry of the key was taken. A key whose turn is over goes to the end. */
function served<Entry>(node: Keyed<Entry>): true {
  if (node.credit < 1) node.credit += node.weight
  node.credit -= 1
  if (node.credit < 1 && node.link) node.parent?.turns.moveToEnd(node.link)
  return true
}

/**
 * How many entries the other children of `parent` get before `own` gets its next `wanted` ones.
 * @param own a key that is no child of `parent` comes last
 */
function aheadOf<Entry>(own: Keyed<Entry>, parent: Keyed<Entry>, wanted: number): number {
  const turns = Math.max(0, Math.ceil((wanted - own.credit) / own.weight))
  const hasTurn = own.credit >= 1
  let isPassed = false
  let ahead = 0
  for (const other of parent.turns.values) {
    if (other === own) {
      isPassed = true
      continue
    }
    const others = isPassed && !hasTurn ? turns - 1 : turns
    const begun = other.credit >= 1 ? others - 1 : others
    ahead += Math.max(0, Math.min(other.size, Math.floor(other.credit + begun * other.weight)))
  }
  return ahead
}

function queuedIn<Entry>(node: Keyed<Entry>): Array<QueuedEntry<Entry>> {
  return node.line.size > 0 ? node.line.values : node.turns.values.flatMap(queuedIn)
}

function entriesIn<Entry>(node: Keyed<Entry>): Entry[] {
  return queuedIn(node).map(({ entry }) => entry)
}
