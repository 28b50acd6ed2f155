/**
 * Quantities as people write them: `30m`, `1.5s`, `5min`, `2 hours`, `64kb`, and bare numbers, which are milliseconds,
 * bytes or a count. The readers return undefined for any other text; read-option.ts checks the limits of an option.
 */

interface Unit {
  /** How we write it. */
  readonly unit: string
  readonly size: number
  /** Other words for it. */
  readonly words: readonly string[]
}

const times: readonly Unit[] = [
  { unit: 'd', size: 86_400_000, words: ['day', 'days'] },
  { unit: 'h', size: 3_600_000, words: ['hr', 'hrs', 'hour', 'hours'] },
  { unit: 'm', size: 60_000, words: ['min', 'mins', 'minute', 'minutes'] },
  { unit: 's', size: 1000, words: ['sec', 'secs', 'second', 'seconds'] },
  { unit: 'ms', size: 1, words: ['msec', 'msecs', 'milli', 'millis', 'millisecond', 'milliseconds'] },
]

const sizes: readonly Unit[] = [
  { unit: 'gb', size: 1024 ** 3, words: ['g', 'gib', 'gigabyte', 'gigabytes'] },
  { unit: 'mb', size: 1024 ** 2, words: ['m', 'mib', 'megabyte', 'megabytes'] },
  { unit: 'kb', size: 1024, words: ['k', 'kib', 'kilobyte', 'kilobytes'] },
  { unit: 'b', size: 1, words: ['byte', 'bytes'] },
]

/** Milliseconds of `300ms`, `5s`, `30m`, `2h`, `1d`, `5 minutes` or a bare number. */
export function readDuration(text: string): number | undefined {
  return read(text, times)
}

/** Bytes of `512b`, `64kb`, `10mb`, `1gb` (each 1,024 of the one before) or a bare number. */
export function readSize(text: string): number | undefined {
  return read(text, sizes)
}

/** A whole number in decimal digits. */
export function readCount(text: string): number | undefined {
  return /^\d{1,15}$/.test(text.trim()) ? Number(text) : undefined
}

/** The shortest exact way to write a time: `30m`, `90s`, `1500ms`. */
export function writeDuration(ms: number): string {
  return write(ms, times)
}

/** The shortest exact way to write a size: `4mb`, `1000b`. */
export function writeSize(bytes: number): string {
  return write(bytes, sizes)
}

function read(text: string, units: readonly Unit[]): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s?([a-z]*)$/.exec(text.trim().toLowerCase())
  const [, digits, word] = match ?? []
  if (digits === undefined || word === undefined) return undefined
  const factor = word === '' ? 1 : units.find(({ unit, words }) => unit === word || words.includes(word))?.size
  if (factor === undefined) return undefined
  const value = Number(digits) * factor
  return Number.isSafeInteger(value) ? value : undefined
}

function write(value: number, units: readonly Unit[]): string {
  const { unit, size } = units.find((one) => value >= one.size && value % one.size === 0) ?? { unit: '', size: 1 }
  return value === 0 ? `0${units.at(-1)?.unit ?? ''}` : `${value / size}${unit}`
}
