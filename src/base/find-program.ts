/** Finds programs as the system does when it starts them. [execvp(3)] */
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, resolve } from 'node:path'

/** Where the system looks if the environment of the program has no PATH. */
export const pathOfSystem = '/bin:/usr/bin'

/** The files that a command without a slash may be, in order. @param path as in PATH; relative parts begin at `folder` */
export function programFiles(command: string, path: string, folder: string): string[] {
  return path.split(delimiter).map((part) => resolve(folder, part, command))
}

/** Whether we may run the command: its file, or one that is found in PATH. @param folder where relative paths begin */
export function isRunnable(command: string, path: string, folder: string): boolean {
  if (command.includes('/')) return isProgram(resolve(folder, command))
  return programFiles(command, path, folder).some(isProgram)
}

/** Whether we may run the file. */
export function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
