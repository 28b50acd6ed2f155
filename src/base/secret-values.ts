/**
 * Values that may not be shown, wherever they stand in a text: in an argument, in a path, in what a server says. Unlike
 * `mask-command.ts` it needs no sign that a word is a secret, since the values are known.
 */

const masked = '***'

/** Shorter values would mask parts of ordinary words. */
const minChars = 4

export class SecretValues {
  /** The longest first: one value may be a part of another. */
  #values: readonly string[] = []

  constructor(values: Iterable<string> = []) {
    this.replace(values)
  }

  /** Masks these values from now on, and no others. Values of fewer than 4 characters are not masked. */
  replace(values: Iterable<string>): void {
    const long = [...values].filter((value) => value.trim().length >= minChars)
    // In a word in quotation marks a value stands as in JSON.
    const all = new Set(long.flatMap((value) => [value, inJson(value)]))
    this.#values = [...all].toSorted((one, other) => other.length - one.length)
  }

  /** The text with `***` in the place of each value. */
  mask(text: string): string {
    let shown = text
    for (const value of this.#values) if (shown.includes(value)) shown = shown.replaceAll(value, masked)
    return shown
  }

  /** A line of JSON with `***` in the place of each value in its texts; names of members stay, and those in `open`. */
  maskJson(line: string, open: ReadonlySet<string>): string {
    if (!this.#values.some((value) => line.includes(value))) return line
    const shown: unknown = JSON.parse(line, (name, value: unknown) =>
      typeof value === 'string' && !open.has(name) ? this.mask(value) : value,
    )
    return `${JSON.stringify(shown)}\n`
  }
}

function inJson(value: string): string {
  return JSON.stringify(value).slice(1, -1)
}
