/** Where one of several values stands in a file: a pattern of a list, or an entry of a mapping. */
import { dirname } from 'node:path'
import { whereOf } from '../problem.ts'
import { withoutClients } from './client-file.ts'
import { placeOf } from './frame.ts'
import { type FileValue, fileValueAt, isMembers } from './file-value.ts'
import type { FileSource } from './file-source.ts'
import { pathKey, readYaml } from './read-yaml.ts'
import { workspaceOf } from './workspace.ts'

/**
 * Finds the place of an item by the path of its option and by its text; undefined if it does not stand in the file.
 * The file is read once more, since places of items are seldom asked for.
 */
export function itemPlaces(source: FileSource): (path: readonly string[], text: string) => string | undefined {
  const yaml = readYaml(source.text, { ...source, folder: workspaceOf(dirname(source.path)) })
  const { value = {}, spots } = withoutClients(yaml)
  return (path, text) => {
    const key = itemKey(fileValueAt(value, path), text)
    const spot = key === undefined ? undefined : spots.get(pathKey([...path, key]))
    if (!spot) return undefined
    const { file, text: whole } = source
    return whereOf(placeOf({ file, text: whole, secrets: yaml.secrets }, spot.key ?? spot.value))
  }
}

function itemKey(found: FileValue, text: string): string | number | undefined {
  if (isMembers(found)) return Object.hasOwn(found, text) ? text : undefined
  if (!Array.isArray(found)) return undefined
  const at = found.findIndex((item) => item === text || (typeof item === 'string' && item.startsWith(`${text}=`)))
  return at < 0 ? undefined : at
}
