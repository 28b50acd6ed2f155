/**
 * Arguments that the operator has bound: which of them a tool has by its schema, a list of tools without them, and the params
 * of a call with their values in it. Pure.
 */
import { Refusal } from '../base/refusal.ts'
import { mapElements, objectMember, replaceMember } from '../protocol/json-edit.ts'
import {
  editObject,
  emptyObject,
  isObject,
  type JsonObject,
  type JsonValue,
  type RawObject,
} from '../protocol/json-text.ts'

/** The most tools whose bound arguments are remembered; to calls of further ones all of them are given. */
const maxTools = 2000
/** Deeper schemas are shown as they are; the arguments are bound all the same. */
const maxDepth = 64

/** One list of tools, as it is learnt. */
export interface BindingOfList {
  /**
   * A page without the bound arguments, for clients.
   * @param said the page of the server, which tells what its tools take
   * @param shown what clients may see of it
   */
  hide(said: RawObject, shown: RawObject): RawObject
  /** The bound arguments that tools have, by tool; a tool with none is left out. */
  readonly declared: ReadonlyMap<string, readonly string[]>
}

/** @param names the bound arguments */
export function bindList(names: readonly string[]): BindingOfList {
  const declared = new Map<string, readonly string[]>()
  return {
    declared,
    hide(said, shown) {
      const tools = said.value['tools']
      for (const tool of Array.isArray(tools) ? tools : []) {
        if (!isObject(tool) || typeof tool['name'] !== 'string' || declared.size >= maxTools) continue
        const found = declaredIn(tool['inputSchema'], names)
        if (found.length > 0) declared.set(tool['name'], found)
      }
      return mapElements(shown, 'tools', (tool) => withoutArgs(tool, names))
    },
  }
}

/** The arguments among `names` that an input schema has. */
function declaredIn(schema: JsonValue | undefined, names: readonly string[]): string[] {
  if (!isObject(schema)) return []
  const parts = [...partsOf(schema)]
  return names.filter((name) => parts.some((part) => declares(part, name)))
}

/** The tool without these arguments in its input schema. */
function withoutArgs(tool: RawObject, names: readonly string[]): RawObject {
  const schema = objectMember(tool, 'inputSchema')
  if (!schema) return tool
  const parts = new Set([...partsOf(schema.value)].filter((part) => names.some((name) => declares(part, name))))
  if (parts.size === 0) return tool
  const isPlain = parts.size === 1 && parts.has(schema.value)
  const hidden = isPlain ? withoutMembers(schema, names) : editObject(schema, withoutIn(schema.value, parts, names, 0))
  return replaceMember(tool, 'inputSchema', hidden.value, hidden.text)
}

/** A schema whose own members alone name the arguments: all else keeps its text. */
function withoutMembers(schema: RawObject, names: readonly string[]): RawObject {
  const { properties: _whole, ...edits } = editsOf(schema.value, names)
  const edited = editObject(schema, edits)
  const properties = objectMember(edited, 'properties')
  if (!properties) return edited
  const kept = editObject(properties, Object.fromEntries(names.map((name) => [name, undefined])))
  return replaceMember(edited, 'properties', kept.value, kept.text)
}

/** The members of a value, without the arguments in those schemas that are `parts`. */
function withoutIn(
  value: JsonObject,
  parts: ReadonlySet<JsonObject>,
  names: readonly string[],
  depth: number,
): Members {
  const own = parts.has(value) ? { ...value, ...editsOf(value, names) } : value
  return Object.fromEntries(Object.entries(own).map(([key, one]) => [key, withoutAt(one, parts, names, depth + 1)]))
}

function withoutAt(
  value: JsonValue | undefined,
  parts: ReadonlySet<JsonObject>,
  names: readonly string[],
  depth: number,
): JsonValue | undefined {
  if (depth > maxDepth) return value
  if (Array.isArray(value)) return value.map((one: JsonValue) => withoutAt(one, parts, names, depth + 1) ?? null)
  return isObject(value) ? withoutIn(value, parts, names, depth) : value
}

type Members = Readonly<Record<string, JsonValue | undefined>>

/** What has to be changed in a schema so that it does not name the arguments; undefined stands for a member to remove. */
function editsOf(schema: JsonObject, names: readonly string[]): Members {
  const { properties, required, dependentRequired } = schema
  const others = (from: JsonObject): Array<[string, JsonValue | undefined]> =>
    Object.entries(from).filter(([name]) => !names.includes(name))
  const kept = (from: readonly JsonValue[]): JsonValue[] =>
    from.filter((name) => !(typeof name === 'string' && names.includes(name)))
  return {
    ...(isObject(properties) && { properties: Object.fromEntries(others(properties)) }),
    ...(isList(required) && { required: kept(required).length > 0 ? kept(required) : undefined }),
    ...(isObject(dependentRequired) && {
      dependentRequired: Object.fromEntries(
        others(dependentRequired).map(([name, needed]) => [name, isList(needed) ? kept(needed) : needed]),
      ),
    }),
  }
}

function declares({ properties, required }: JsonObject, name: string): boolean {
  return (isObject(properties) && Object.hasOwn(properties, name)) || (isList(required) && required.includes(name))
}

/** The schema, and the schemas in it that are about the same object: those that it combines, and refers to. */
function* partsOf(root: JsonObject): Generator<JsonObject> {
  const seen = new Set<JsonObject>()
  const open: Array<JsonValue | undefined> = [root]
  while (open.length > 0) {
    const schema = open.pop()
    if (!isObject(schema) || seen.has(schema)) continue
    seen.add(schema)
    yield schema
    for (const key of ['allOf', 'anyOf', 'oneOf']) {
      const combined = schema[key]
      if (isList(combined)) open.push(...combined)
    }
    const { dependentSchemas } = schema
    open.push(schema['if'], schema['then'], schema['else'], referred(root, schema['$ref']))
    if (isObject(dependentSchemas)) open.push(...Object.values(dependentSchemas))
  }
}

/** The schema that a reference within the same schema leads to. */
function referred(root: JsonObject, reference: JsonValue | undefined): JsonValue | undefined {
  if (typeof reference !== 'string' || !reference.startsWith('#')) return undefined
  let found: JsonValue | undefined = root
  for (const step of reference.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    if (isList(found)) found = found[Number(key)]
    else found = isObject(found) && Object.hasOwn(found, key) ? found[key] : undefined
  }
  return found
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value)
}

/**
 * The params of a call with the bound arguments in them: those that the tool has, and any that the client gave a value.
 * Throws `invalid_params` if the arguments are no object.
 * @param declared the bound arguments that the tool has; undefined if that is not known: then it gets all of them
 */
export function bindCall(params: RawObject, bound: JsonObject, declared: readonly string[] | undefined): RawObject {
  const given = params.value['arguments'] ?? null
  const names = Object.keys(bound).filter(
    (name) => declared?.includes(name) !== false || (isObject(given) && Object.hasOwn(given, name)),
  )
  if (names.length === 0) return params
  if (given !== null && !isObject(given))
    throw new Refusal('invalid_params', { message: 'The arguments of a tool are an object.' })
  const values = Object.fromEntries(names.map((name) => [name, bound[name]]))
  const edited = editObject(objectMember(params, 'arguments') ?? emptyObject, values)
  return replaceMember(params, 'arguments', edited.value, edited.text)
}
