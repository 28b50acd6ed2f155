/**
 * Reads a value of an option from text (flags, environment), checks a value that a program gave, and describes what the
 * option accepts. Pure; each function looks at one option alone.
 */
import type { NumberOption, Option } from '../base/option.ts'
import type { ConfigCode } from './problem.ts'
import { readCount, readDuration, readSize, writeDuration, writeSize } from './quantity.ts'

/** Why a value is not accepted: `fault` completes a sentence that begins with the value. */
export interface Fault {
  readonly code: ConfigCode
  readonly fault: string
  readonly accepted: string
}

export type ReadValue = { readonly value: unknown } | Fault

/** Reads an option from text: a list takes all of `texts`, any other option the last one. The value `undefined` means the default. */
export function readOption(option: Option, texts: readonly string[]): ReadValue {
  const text = texts.at(-1) ?? ''
  switch (option.kind) {
    case 'count':
    case 'duration':
    case 'bytes':
      if (option.word !== undefined && text.toLowerCase() === option.word) return { value: undefined }
      return checked(option, readNumber[option.kind](text) ?? Number.NaN)
    case 'switch':
      if (/^(1|true|yes|on)$/i.test(text)) return { value: true }
      if (/^(0|false|no|off)$/i.test(text)) return { value: false }
      return { code: 'config_choice', fault: 'is neither yes nor no', accepted: 'true or false' }
    case 'choice':
      return checked(option, text.toLowerCase())
    case 'list':
      return checked(option, texts)
    default:
      return checked(option, text)
  }
}

/** A reading of an option whose value may end with an exclamation mark, which turns on the switch `marked`. */
export interface MarkedReading {
  readonly reading: ReadValue
  /** The key of the switch to turn on, if the mark is there. */
  readonly marked: string | undefined
}

export function readMarked(option: Option, texts: readonly string[]): MarkedReading {
  const marked = 'marked' in option ? option.marked : undefined
  if (marked === undefined || texts.at(-1)?.endsWith('!') !== true)
    return { reading: readOption(option, texts), marked: undefined }
  return {
    reading: readOption(
      option,
      texts.map((text) => text.replace(/!$/, '')),
    ),
    marked,
  }
}

/** Why a value from a program is not accepted; undefined if it is. */
export function checkOption(option: Option, value: unknown): Fault | undefined {
  switch (option.kind) {
    case 'count':
    case 'duration':
    case 'bytes': {
      const is = names[option.kind]
      if (!Number.isInteger(value)) return fault(is.code, `is not ${is.name}`, option)
      if (Number(value) < option.min || Number(value) > option.max) return fault(is.code, 'is out of range', option)
      return undefined
    }
    case 'switch':
      return typeof value === 'boolean' ? undefined : fault('config_choice', 'is neither true nor false', option)
    case 'choice': {
      const known = option.choices.some((choice) => choice === value)
      return known ? undefined : fault('config_choice', 'is not one of the choices', option)
    }
    case 'text':
      return typeof value === 'string' && option.shape.test(value)
        ? undefined
        : fault('config_value', 'is not accepted here', option)
    case 'list':
      return Array.isArray(value) && value.every((item) => typeof item === 'string' && option.shape.test(item))
        ? undefined
        : fault('config_value', 'is not accepted here', option)
    case 'given':
      return undefined
  }
}

/** Describes for people what an option accepts. */
export function accepted(option: Option): string {
  switch (option.kind) {
    case 'count':
    case 'duration':
    case 'bytes': {
      const word = option.word === undefined ? '' : `, or ${option.word}`
      return `${names[option.kind].accepted}, ${writeValue(option, option.min)} to ${writeValue(option, option.max)}${word}`
    }
    case 'switch':
      return 'true or false'
    case 'choice':
      return `${option.choices.slice(0, -1).join(', ')} or ${option.choices.at(-1) ?? ''}`
    case 'text':
    case 'list':
      return option.shape.accepted
    case 'given':
      return ''
  }
}

/** A value of an option as it would be written on the command line. */
export function writeValue(option: Option, value: unknown): string {
  if (option.kind === 'duration') return writeDuration(Number(value))
  if (option.kind === 'bytes') return writeSize(Number(value))
  return Array.isArray(value) ? value.join(',') : String(value)
}

const readNumber: Readonly<Record<NumberOption['kind'], (text: string) => number | undefined>> = {
  count: readCount,
  duration: readDuration,
  bytes: readSize,
}

const names: Readonly<Record<NumberOption['kind'], { code: ConfigCode; name: string; accepted: string }>> = {
  count: { code: 'config_number', name: 'a whole number', accepted: 'a whole number' },
  duration: {
    code: 'config_duration',
    name: 'a duration',
    accepted: 'a number and a unit (500ms, 30s, 10m, 2h) or milliseconds',
  },
  bytes: { code: 'config_size', name: 'a size', accepted: 'a number and a unit (64kb, 10mb, 1gb) or bytes' },
}

function checked(option: Option, value: unknown): ReadValue {
  return checkOption(option, value) ?? { value }
}

function fault(code: ConfigCode, what: string, option: Option): Fault {
  return { code, fault: what, accepted: accepted(option) }
}
