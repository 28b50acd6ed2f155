/** Damages texts as a broken or hostile sender would: the same damage for the same random numbers. */

/** Pieces that mean something to a parser of JSON or of messages. */
const pieces = [
  ...['{', '}', '[', ']', ',', ':', '"', '\\', ' ', '\n', '\u0000', '\ud800', '\u2028', '😀', '\ufeff'],
  ...[
    'null',
    'true',
    '-',
    '-0',
    '1e999',
    '0.1',
    '12345678901234567890',
    '1.0',
    '""',
    '{}',
    '[]',
    '"\\ud800"',
    '\\u0000',
  ],
  ...['"__proto__":{"x":1},', '"constructor":', '"id":1,', '"id":null,', '"jsonrpc":"2.0",', '"method":"ping",'],
  ...[
    '"params":[],',
    '"params":{},',
    '"result":{},',
    '"error":{"code":1,"message":""},',
    '"_meta":{},',
    '"_meta":null,',
  ],
  ...[
    '"progressToken":1.5,',
    '"requestState":"x",',
    '"cursor":{},',
    '"uri":7,',
    '"name":null,',
    '[[[[[[[[[[',
    '{"a":{"a":{"a":',
  ],
  ...[
    'notifications/cancelled',
    'initialize',
    'resources/subscribe',
    'tasks/get',
    'toString',
    '../',
    '%00',
    '2026-07-28',
    '1999-01-01',
  ],
]

type Random = () => number

const at = (text: string, random: Random): number => Math.floor(random() * (text.length + 1))
const pick = <Item>(items: readonly Item[], random: Random): Item | undefined =>
  items[Math.floor(random() * items.length)]

/** A value replaced, so that what comes out is mostly still JSON. */
function otherValue(text: string, random: Random): string {
  const values = [...text.matchAll(/:(?:"[^"\\]*"|-?\d[\d.e+]*|null|true|false|\{\}|\[\])/g)]
  const value = pick(values, random)
  if (!value) return text
  const piece = pick(['null', '7', '"x"', '{}', '[]', 'true', '""', '-1', '1e999', '[[]]', '{"a":{}}'], random) ?? ''
  return `${text.slice(0, value.index)}:${piece}${text.slice(value.index + value[0].length)}`
}

const damages: ReadonlyArray<(text: string, random: Random, corpus: readonly string[]) => string> = [
  // Something in between.
  (text, random) => {
    const place = at(text, random)
    return text.slice(0, place) + (pick(pieces, random) ?? '') + text.slice(place)
  },
  // Something else instead.
  (text, random) => {
    const place = at(text, random)
    return text.slice(0, place) + (pick(pieces, random) ?? '') + text.slice(place + 1 + Math.floor(random() * 8))
  },
  // A part missing.
  (text, random) => {
    const place = at(text, random)
    return text.slice(0, place) + text.slice(place + Math.floor(random() * 20))
  },
  // A part twice.
  (text, random) => {
    const place = at(text, random)
    const end = place + Math.floor(random() * 40)
    return text.slice(0, end) + text.slice(place)
  },
  // Cut off.
  (text, random) => text.slice(0, at(text, random)),
  // The rest of another text.
  (text, random, corpus) => {
    const other = pick(corpus, random) ?? ''
    return text.slice(0, at(text, random)) + other.slice(at(other, random))
  },
  otherValue,
  // A character changed.
  (text, random) => {
    const place = at(text, random)
    return text.slice(0, place) + String.fromCodePoint(Math.floor(random() * 0x2_0000)) + text.slice(place + 1)
  },
]

/** One text of the corpus with one to four damages. */
export function mutated(corpus: readonly string[], random: Random): string {
  let text = pick(corpus, random) ?? ''
  for (let count = 1 + Math.floor(random() * 4); count > 0; count--) {
    text = pick(damages, random)?.(text, random, corpus) ?? text
  }
  return text
}

/** One text of the corpus in which some values are others: mostly still a message, that means something else. */
export function reworded(corpus: readonly string[], random: Random): string {
  let text = pick(corpus, random) ?? ''
  for (let count = Math.floor(random() * 4); count > 0; count--) text = otherValue(text, random)
  return text
}
