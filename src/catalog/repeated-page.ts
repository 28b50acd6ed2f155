/** What is new on a page of a list whose cursor has repeated: a server that ignores cursors gives the same page again. Pure. */
import { editObject, type JsonValue, type RawObject } from '../protocol/json-text.ts'

const listKeys = ['tools', 'prompts', 'resources', 'resourceTemplates']

/** The page without the entries that stand on one before it; undefined if none remains. */
export function newOnPage(page: RawObject, before: readonly RawObject[]): RawObject | undefined {
  const edits: Record<string, JsonValue> = {}
  let kept = 0
  for (const key of listKeys) {
    const entries = listIn(page, key)
    const seen = new Set<string>()
    for (const earlier of before) for (const entry of listIn(earlier, key)) seen.add(JSON.stringify(entry))
    const fresh = entries.filter((entry) => !seen.has(JSON.stringify(entry)))
    kept += fresh.length
    if (fresh.length < entries.length) edits[key] = fresh
  }
  if (kept === 0) return undefined
  return Object.keys(edits).length === 0 ? page : editObject(page, edits)
}

function listIn({ value }: RawObject, key: string): readonly JsonValue[] {
  const entries = value[key]
  return Array.isArray(entries) ? entries : []
}
