/**
 * Quantities as people write them: `30m`, `1.5s`, `64kb`, and bare numbers, which are milliseconds, bytes or a count.
 * The readers return undefined for any other text; read-option.ts checks the limits of an option.
 */

const times: ReadonlyArray<readonly [unit: string, ms: number]> = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
]

const sizes: ReadonlyArray<readonly [unit: string, bytes: number]> = [
  ['gb', 1024 ** 3],
  ['mb', 1024 ** 2],
  ['kb', 1024],
  ['b', 1],
]

/** Milliseconds of `300ms`, `5s`, `30m`, `2h`, `1d` or a bare number. */
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

function read(text: string, units: ReadonlyArray<readonly [string, number]>): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s?([a-z]*)$/.exec(text.trim().toLowerCase())
  const [, digits, unit] = match ?? []
  if (digits === undefined || unit === undefined) return undefined
  const factor = unit === '' ? 1 : units.find(([name]) => name === unit)?.[1]
  if (factor === undefined) return undefined
  const value = Number(digits) * factor
  return Number.isSafeInteger(value) ? value : undefined
}

function write(value: number, units: ReadonlyArray<readonly [string, number]>): string {
  const [unit, factor] = units.find(([, size]) => value >= size && value % size === 0) ?? units.at(-1) ?? ['', 1]
  return `${value / factor}${unit}`
}
