/** Suggests a value for one that an option does not accept: after a typing mistake, or with a unit written another way. Pure. */
import type { Option } from '../base/option.ts'
import { readOption } from './read-option.ts'
import { didYouMean } from '../base/did-you-mean.ts'

/** How units that people write begin, longest first, and the unit that we accept. */
const times = [
  ['mil', 'ms'],
  ['ms', 'ms'],
  ['m', 'm'],
  ['s', 's'],
  ['h', 'h'],
  ['d', 'd'],
] as const
const sizes = [
  ['k', 'kb'],
  ['m', 'mb'],
  ['g', 'gb'],
  ['b', 'b'],
] as const

/** A text that the option accepts and that is similar to `text`; undefined if there is none. */
export function suggestValue(option: Option, text: string): string | undefined {
  const guess = guessed(option, text.trim().toLowerCase())
  return guess !== undefined && 'value' in readOption(option, [guess]) ? guess : undefined
}

function guessed(option: Option, text: string): string | undefined {
  switch (option.kind) {
    case 'choice':
      return option.choices.find((choice) => isBeginning(choice, text)) ?? didYouMean(text, option.choices)
    case 'switch':
      return didYouMean(text, ['true', 'false'])
    case 'duration':
      // A bare number is milliseconds: if those are too few, seconds may be meant.
      return /^\d+$/.test(text) ? `${text}s` : (inUnits(text, times) ?? wordOf(option.word, text))
    case 'bytes':
      return inUnits(text, sizes) ?? wordOf(option.word, text)
    case 'count':
      return plainNumber(text) ?? wordOf(option.word, text)
    default:
      return undefined
  }
}

/** True for `warning` and `warn`, and for `err` and `error`. */
function isBeginning(choice: string, text: string): boolean {
  return text.length > 2 && (text.startsWith(choice) || choice.startsWith(text))
}

function inUnits(text: string, units: ReadonlyArray<readonly [beginning: string, unit: string]>): string | undefined {
  const [, digits = '', word = ''] = /^([0-9]+(?:\.[0-9]+)?) ?([a-z]+)$/.exec(text) ?? []
  const unit = units.find(([beginning]) => word.startsWith(beginning))?.[1]
  return unit === undefined ? undefined : `${digits}${unit}`
}

/** The digits of `1,000`, `1_000` or `1k`. */
function plainNumber(text: string): string | undefined {
  const [, digits = '', k] = /^([0-9][0-9,_]*)(k)?$/.exec(text) ?? []
  const bare = digits.replaceAll(/[,_]/g, '')
  return bare === '' ? undefined : `${bare}${k === undefined ? '' : '000'}`
}

function wordOf(word: string | undefined, text: string): string | undefined {
  return word === undefined ? undefined : didYouMean(text, [word])
}

/**
 * What was probably meant by a bare number, which is milliseconds, where so few make no sense: `5` for a time that is
 * minutes by default. Undefined if the number may be meant as it is.
 */
export function meantUnit(option: Option, text: string): string | undefined {
  if (option.kind !== 'duration' || !/^[1-9]\d*!?$/.test(text)) return undefined
  const usualMs = typeof option.default === 'number' ? option.default : 60_000
  return Number.parseInt(text, 10) * 100 < usualMs ? text.replace(/!?$/, (mark) => `s${mark}`) : undefined
}
