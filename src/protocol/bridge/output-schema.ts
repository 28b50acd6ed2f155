/**
 * Schemas of tools for clients with sessions. Their revisions require an object as structured content, and objects as the
 * schemas of properties; the stateless revision allows any schema and any JSON.
 *
 * Structured content that is not an object is wrapped in one; an object is never wrapped. The schemas made here accept
 * exactly that. [2025-11-25 tools, output schema; 2026-07-28 tools, output schema]
 */
import { valueAt } from '../../base/json.ts'
import { mapMembers, objectMember, replaceMember } from '../json-edit.ts'
import {
  editMembers,
  elementTexts,
  isObject,
  type JsonObject,
  type JsonValue,
  memberText,
  parseObject,
  type RawObject,
} from '../json-text.ts'

/** The member of the wrapper object that holds the value. */
export const wrapper = 'result'

/** The name in `$defs` of a schema that is needed twice. */
const shared = 'mcplex-root'

/**
 * A schema with an object at its root that accepts everything this one accepts, wrapped if it is not an object. If the schema
 * accepts both objects and other values, an object that looks like a wrapper is accepted as either.
 */
export function objectRoot(schema: RawObject): RawObject {
  if (schema.value['type'] === 'object') return schema
  const kind = kindOf(schema.value, schema.value, 0)
  if (kind === 'object') return parsed(editMembers(schema.text, { type: '"object"' }))
  const schemaVersion = memberText(schema.text, '$schema')
  const head = `${schemaVersion === undefined ? '' : `"$schema":${schemaVersion},`}"type":"object"`
  const inner = schemaVersion === undefined ? schema.text : editMembers(schema.text, { $schema: null })
  if (kind === 'other') {
    const moved = movedTo(`#/properties/${wrapper}`, inner, 0)
    return parsed(`{${head},"properties":{"${wrapper}":${moved}},"required":["${wrapper}"]}`)
  }
  const ref = `{"$ref":"#/$defs/${shared}"}`
  const wrapped = `{"properties":{"${wrapper}":${ref}},"required":["${wrapper}"]}`
  const moved = movedTo(`#/$defs/${shared}`, inner, 0)
  return parsed(`{${head},"anyOf":[${ref},${wrapped}],"$defs":{"${shared}":${moved}}}`)
}

/** The schema with an object in the place of each property schema that is true or false. */
export function plainProperties(schema: RawObject): RawObject {
  const properties = objectMember(schema, 'properties')
  if (!properties) return schema
  const text = mapMembers(properties.text, (_, value) => {
    if (value === 'true') return '{}'
    return value === 'false' ? '{"not":{}}' : value
  })
  return text === properties.text ? schema : replaceMember(schema, 'properties', parsed(text).value, text)
}

function parsed(text: string): RawObject {
  return parseObject(text) ?? { value: {}, text: '{}' }
}

/** Which values a schema allows, judged by its outermost keywords. */
type Kind = 'object' | 'other' | 'either'

/** Deeper than any schema that a person would write; circular references end here as well. */
const maxSteps = 16

function kindOf(schema: JsonValue | undefined, root: JsonObject, steps: number): Kind {
  if (!isObject(schema) || steps > maxSteps) return 'either'
  const { type, $ref, anyOf, oneOf, allOf } = schema
  if (typeof type === 'string') return type === 'object' ? 'object' : 'other'
  if (Array.isArray(type)) return common(type.map((one) => (one === 'object' ? 'object' : 'other')))
  if ('const' in schema) return isObject(schema['const']) ? 'object' : 'other'
  if (Array.isArray(schema['enum'])) return common(schema['enum'].map((one) => (isObject(one) ? 'object' : 'other')))
  const kinds = (schemas: JsonValue | undefined): Kind[] =>
    Array.isArray(schemas) ? schemas.map((one: JsonValue) => kindOf(one, root, steps + 1)) : []
  // All of these must hold, so the first definite answer decides.
  const said = [common(kinds(anyOf)), common(kinds(oneOf)), ...kinds(allOf)]
  if (typeof $ref === 'string') said.push(kindOf(targetOf($ref, root), root, steps + 1))
  return said.find((kind) => kind !== 'either') ?? 'either'
}

function common(kinds: readonly Kind[]): Kind {
  const [first] = kinds
  return first !== undefined && kinds.every((kind) => kind === first) ? first : 'either'
}

/** The part of the schema that a reference points to. [RFC 6901] */
function targetOf(ref: string, root: JsonObject): JsonValue | undefined {
  if (ref !== '#' && !ref.startsWith('#/')) return undefined
  const steps = ref.split('/').slice(1)
  return valueAt(
    root,
    steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~')),
  )
}

/** The values of these keywords are data: `$ref` in them is not a reference. */
const dataKeywords = new Set(['const', 'enum', 'default', 'examples'])

/** The members of these keywords are names chosen by the author, even if one looks like a keyword. */
const namingKeywords = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
  'dependencies',
])

const maxDepth = 128

/** The text of a schema with its references to itself changed for its new position `place`. */
function movedTo(place: string, text: string, depth: number): string {
  if (!text.startsWith('{') || depth > maxDepth || isOwnDocument(text)) return text
  return mapMembers(text, (key, value) => {
    if (key === '$ref' || key === '$dynamicRef') return movedReference(place, value)
    if (dataKeywords.has(key)) return value
    if (namingKeywords.has(key) && value.startsWith('{')) {
      return mapMembers(value, (_, named) => movedTo(place, named, depth + 1))
    }
    if (!value.startsWith('[')) return movedTo(place, value, depth + 1)
    const elements = elementTexts(value)
    const moved = elements.map((element) => movedTo(place, element, depth + 1))
    return moved.some((element, at) => element !== elements[at]) ? `[${moved.join(',')}]` : value
  })
}

function movedReference(place: string, text: string): string {
  const reference: unknown = JSON.parse(text)
  if (reference === '#') return JSON.stringify(place)
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return text
  return JSON.stringify(`${place}${reference.slice(1)}`)
}

/** References within a schema that has its own `$id` are relative to that, so they stay valid anywhere. */
function isOwnDocument(text: string): boolean {
  const id = memberText(text, '$id')
  return id !== undefined && !id.startsWith('"#')
}
