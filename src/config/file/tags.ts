/** The tags of the JSON schema of YAML (YAML 1.2.2, chapter 10.2): what each says of its value. Pure. */

/** As they are written. */
export const knownTags: ReadonlySet<string> = new Set([
  '!!str',
  '!!int',
  '!!float',
  '!!bool',
  '!!null',
  '!!map',
  '!!seq',
])

const written = 'tag:yaml.org,2002:'

/** The short form of a tag, such as `!!int`; undefined if there is none. */
export function shortTag(tag: string | undefined): string | undefined {
  return tag?.startsWith(written) === true ? `!!${tag.slice(written.length)}` : tag
}

const scalars: ReadonlyMap<string, readonly [shape: RegExp, words: string]> = new Map([
  ['!!str', [/^/, 'a text']],
  ['!!int', [/^-?(?:0|[1-9]\d*)$/, 'a whole number in decimal digits']],
  ['!!float', [/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/, 'a number in decimal digits']],
  ['!!bool', [/^(?:true|false)$/, 'true or false']],
  ['!!null', [/^(?:|~|null|Null|NULL)$/, 'null']],
])

/**
 * What a value has to be because of its tag, if it is something else.
 * @param tag the short form
 * @param value the text of a scalar, or which collection it is
 */
export function unlikeTag(tag: string, value: { readonly text: string } | '!!map' | '!!seq'): string | undefined {
  const [shape, words = tag === '!!map' ? 'a mapping' : 'a list'] = scalars.get(tag) ?? []
  if (typeof value === 'string') return value === tag ? undefined : words
  return shape?.test(value.text) === true ? undefined : words
}
