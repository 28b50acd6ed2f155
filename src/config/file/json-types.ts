/** An option row as a type of JSON Schema, for editors: description, default, and what may be typed. Pure. */
import type { Option } from '../../base/option.ts'
import { accepted } from '../read-option.ts'
import { defaultText } from '../document.ts'

/** What `${...}` stands for is not known to an editor. */
const reference = { type: 'string', pattern: String.raw`\$\{` }

export function jsonOf(option: Option): Record<string, unknown> {
  const words = accepted(option)
  const description = `${option.about}${words === '' ? '' : ` Accepts ${words}.`} Default: ${defaultText(option)}.`
  return { ...typeOf(option), description, ...defaultOf(option) }
}

function typeOf(option: Option): Record<string, unknown> {
  switch (option.kind) {
    case 'count':
      return {
        anyOf: [{ type: 'integer', minimum: option.min, maximum: option.max }, ...wordOf(option.word), reference],
      }
    case 'duration':
    case 'bytes':
      return { anyOf: [{ type: 'string' }, { type: 'integer', minimum: option.min, maximum: option.max }] }
    case 'switch':
      return { anyOf: [{ type: 'boolean' }, reference] }
    case 'choice':
      return { anyOf: [{ enum: [...option.choices] }, reference] }
    case 'list':
      return {
        anyOf: [
          { type: 'array', items: { type: ['string', 'number', 'boolean'] } },
          { type: ['string', 'number', 'boolean'] },
          ...(option.pairs ? [{ type: 'object', additionalProperties: { type: ['string', 'number'] } }] : []),
        ],
      }
    case 'text':
      return { type: option.pairs ? ['string', 'object'] : ['string', 'integer'] }
    case 'given':
      return {}
  }
}

function wordOf(word: string | undefined): object[] {
  return word === undefined ? [] : [{ const: word }]
}

function defaultOf(option: Option): { default?: unknown } {
  return typeof option.default === 'object' && 'derived' in option.default ? {} : { default: jsonDefault(option) }
}

function jsonDefault(option: Option): unknown {
  return option.kind === 'duration' || option.kind === 'bytes' ? defaultText(option) : option.default
}
