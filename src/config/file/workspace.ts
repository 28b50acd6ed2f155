/** Where the project of a configuration file is. Pure. */
import { dirname } from 'node:path'

/** The project of a file: editors keep theirs in a folder of their own. */
export function workspaceOf(folder: string): string {
  return /[\\/]\.(?:vscode|cursor|windsurf|zed)$/.test(folder) ? dirname(folder) : folder
}
