/**
 * What is counted as it happens: numbers by labels, and times in buckets. As cheap as can be, because each call is counted;
 * a scrape reads them. Bounded: beyond `most` combinations of labels, all others are counted as one, `_other`.
 */

export type Labels = Readonly<Record<string, string>>

/** One line of a metric. */
export interface Sample {
  /** The name of the line, where it is not that of the metric. */
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

export const otherLabel = '_other'

/** What is kept for the values of the labels so far, and for each next value. */
interface Node<Kept> {
  kept: Kept | undefined
  readonly next: Map<string, Node<Kept>>
}

/** Numbers, or times, by labels. Maps in maps: a key made of all values would be hashed anew for each call. */
class ByLabels<Kept> {
  readonly #names: readonly string[]
  readonly #most: number
  readonly #make: () => Kept
  readonly #root: Node<Kept> = { kept: undefined, next: new Map() }
  #count = 0

  constructor(names: readonly string[], most: number, make: () => Kept) {
    this.#names = names
    this.#most = most
    this.#make = make
  }

  /** What is kept for these values of the labels, in the order of their names. */
  at(values: readonly string[]): Kept {
    let node: Node<Kept> | undefined = this.#root
    for (const value of values) node = node?.next.get(value)
    return node?.kept ?? this.#add(values)
  }

  #add(values: readonly string[]): Kept {
    if (this.#count >= this.#most && !values.every((value) => value === otherLabel))
      return this.at(values.map(() => otherLabel))
    this.#count++
    let node = this.#root
    for (const value of values) {
      const next: Node<Kept> = node.next.get(value) ?? { kept: undefined, next: new Map() }
      node.next.set(value, next)
      node = next
    }
    return (node.kept = this.#make())
  }

  /** Empty values are left out, as if the label were not there. */
  all(): Generator<readonly [labels: Labels, kept: Kept]> {
    return this.#below(this.#root, {}, 0)
  }

  *#below(node: Node<Kept>, labels: Labels, depth: number): Generator<readonly [labels: Labels, kept: Kept]> {
    if (node.kept !== undefined) yield [labels, node.kept]
    const name = this.#names[depth] ?? ''
    for (const [value, next] of node.next)
      yield* this.#below(next, value === '' ? labels : { ...labels, [name]: value }, depth + 1)
  }
}

/** How often something has happened, by labels. */
export class Tally {
  readonly #counts: ByLabels<{ count: number }>

  constructor(names: readonly string[], most: number) {
    this.#counts = new ByLabels(names, most, () => ({ count: 0 }))
  }

  add(count: number, ...values: readonly string[]): void {
    this.#counts.at(values).count += count
  }

  *samples(): Generator<Sample> {
    for (const [labels, { count }] of this.#counts.all()) yield { labels, value: count }
  }
}

interface Buckets {
  /** How many values are in each bucket, and above all of them. */
  readonly counts: Float64Array
  sumMs: number
}

/** Times in buckets, by labels. */
export class TimeTally {
  readonly #name: string
  readonly #bounds: readonly number[]
  readonly #times: ByLabels<Buckets>

  /** @param bounds the upper bounds of the buckets in seconds, from low to high */
  constructor(name: string, names: readonly string[], bounds: readonly number[], most: number) {
    this.#name = name
    this.#bounds = bounds
    this.#times = new ByLabels(names, most, () => ({ counts: new Float64Array(bounds.length + 1), sumMs: 0 }))
  }

  /** @param ms milliseconds */
  add(ms: number, ...values: readonly string[]): void {
    const buckets = this.#times.at(values)
    const seconds = ms / 1000
    let at = 0
    while (at < this.#bounds.length && seconds > (this.#bounds[at] ?? 0)) at++
    buckets.counts[at] = (buckets.counts[at] ?? 0) + 1
    buckets.sumMs += ms
  }

  /** Those of the same labels are of the same moment, however slowly they are taken. */
  *samples(): Generator<Sample> {
    for (const [labels, { counts, sumMs }] of this.#times.all()) {
      const samples: Sample[] = []
      let total = 0
      for (const [at, bound] of this.#bounds.entries()) {
        total += counts[at] ?? 0
        samples.push({ metricName: `${this.#name}_bucket`, labels: { ...labels, le: bound }, value: total })
      }
      total += counts[this.#bounds.length] ?? 0
      samples.push({ metricName: `${this.#name}_bucket`, labels: { ...labels, le: '+Inf' }, value: total })
      samples.push({ metricName: `${this.#name}_sum`, labels, value: sumMs / 1000 })
      samples.push({ metricName: `${this.#name}_count`, labels, value: total })
      yield* samples
    }
  }
}
