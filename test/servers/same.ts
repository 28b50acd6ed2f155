/** What may differ between two runs of one server, by name; everything else must be the same. */

/** The time of day and dates, as servers print them. */
const times = [
  /\b\d{1,2}:\d{2}:\d{2}(?:\s?[AP]M)?/g,
  /\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \w{3} \d{2} \d{4} <time> GMT[+-]\d{4} \([^)]*\)/g,
  /\b\d{4}-\d{2}-\d{2}T<time>(?:\.\d+)?Z/g,
]

export interface Varying {
  /** A directory of the run. */
  readonly directory?: string
}

/** The value without what varies: times, the directory of the run, and both of these inside base64. */
export function steady(value: unknown, varying: Varying = {}): unknown {
  const text = (said: string): string => {
    let left = varying.directory === undefined ? said : said.replaceAll(varying.directory, '<directory>')
    for (const time of times) left = left.replace(time, '<time>')
    return left
  }
  const walk = (one: unknown, key: string): unknown => {
    if (typeof one === 'string') {
      return text(key === 'blob' ? Buffer.from(one, 'base64').toString('latin1') : one)
    }
    if (Array.isArray(one)) return one.map((item) => walk(item, key))
    if (typeof one !== 'object' || one === null) return one
    return Object.fromEntries(Object.entries(one).map(([name, inner]) => [name, walk(inner, name)]))
  }
  return walk(value, '')
}
