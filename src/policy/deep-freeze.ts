/** Freezes a value from `JSON.parse`, at any depth: a change in its place would change nothing that is sent, and must not seem to. */
export function deepFreeze<Value extends object>(value: Value): Value {
  if (Object.isFrozen(value)) return value
  Object.freeze(value)
  const members: readonly unknown[] = Object.values(value)
  for (const member of members) if (typeof member === 'object' && member !== null) deepFreeze(member)
  return value
}
