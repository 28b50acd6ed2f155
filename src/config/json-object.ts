/** Which values of a program can be written as JSON. Pure. */
import { isObject, type JsonObject } from '../base/json.ts'

const maxDepth = 64

/** Whether it is a plain object that JSON holds as it is; `__proto__` is no name that it can have. */
export function isJsonObject(value: unknown): value is JsonObject {
  return isObject(value) && isJson(value, 0)
}

function isJson(value: unknown, depth: number): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || depth > maxDepth) return false
  if (Array.isArray(value)) return value.every((one) => isJson(one, depth + 1))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  return Object.entries(value).every(([name, one]) => name !== '__proto__' && isJson(one, depth + 1))
}
