/** Finds and reads a configuration file, and the files of secrets that it names. */
import { isUtf8 } from 'node:buffer'
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { ConfigError, type Problem } from '../problem.ts'
import type { FileSource } from './file-source.ts'
import { maxFileBytes } from './read-yaml.ts'
import { fileStructure } from './structure.ts'

/** What is looked for in the current folder, in this order. */
const usualNames: readonly string[] = ['mcplex.yaml', 'mcplex.yml']

/** Far more than a key or a token needs. */
const maxSecretBytes = 64 * 1024

/**
 * The path of the file to use.
 * @param named the path that the user gave, if any
 * @throws ConfigError if none was given and none is in the folder
 */
export function findFile(named: string | undefined, folder: string): string {
  if (named !== undefined) return resolve(folder, named)
  const found = usualNames.map((name) => resolve(folder, name)).find(isThere)
  if (found !== undefined) return found
  throw new ConfigError([
    {
      code: 'config_file',
      where: folder,
      message: `there is no ${usualNames.join(' or ')} in ${folder}`,
      notes: [
        ['try', 'mcplex init, to write one'],
        ['or', '--config FILE, also with the file of a client such as claude_desktop_config.json'],
      ],
    },
  ])
}

/**
 * Reads a file for `readFileText`.
 * @param env the environment variables, for `${NAME}`
 * @throws ConfigError if it cannot be read
 */
export function openFile(path: string, folder: string, env: FileSource['env']): FileSource {
  const isPassed = isPassedFile(path)
  const file = isPassed ? 'config' : shownPath(path, folder)
  // A file that was passed by a shell has no folder of its own.
  const place = isPassed ? resolve(folder, 'mcplex.yaml') : path
  const text = read(path, maxFileBytes)
  if ('fault' in text) throw new ConfigError([unreadable(file, text.fault)])
  const secretFiles = new Set<string>()
  return {
    file,
    secretFiles,
    path: place,
    text: text.text,
    structure: fileStructure(),
    env,
    readFile: (named) => {
      const secretPath = resolve(dirname(place), named)
      secretFiles.add(secretPath)
      const secret = read(secretPath, maxSecretBytes)
      return 'fault' in secret
        ? { fault: `cannot be read: ${secret.fault}` }
        : { text: secret.text.replace(/\r?\n$/, '') }
    },
  }
}

/** Whether a shell has passed it: it is read once, and never changes. */
export function isPassedFile(path: string): boolean {
  return /^\/(?:proc\/\d+|dev)\/fd\//.test(path)
}

function unreadable(file: string, fault: string): Problem {
  return {
    code: 'config_file',
    where: file,
    message: `${file} cannot be read: ${fault}`,
    notes: [['try', `ls -l ${file}`]],
  }
}

/** The path from the current folder if it is below it. */
function shownPath(path: string, folder: string): string {
  const short = relative(folder, path)
  return short === '' || short.startsWith('..') ? path : short
}

function isThere(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

type Read = { readonly text: string } | { readonly fault: string }

/** Only regular files are read: a pipe could block for ever. */
function read(path: string, maxBytes: number): Read {
  try {
    const opened = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const stats = fstatSync(opened)
      if (stats.isDirectory()) return { fault: 'it is a directory' }
      if (!stats.isFile()) return { fault: 'it is no regular file' }
      if (stats.size > maxBytes) return { fault: `it has more than ${maxBytes} bytes` }
      const bytes = readFileSync(opened)
      return isUtf8(bytes) ? { text: bytes.toString('utf8') } : { fault: 'it is not text in UTF-8' }
    } finally {
      closeSync(opened)
    }
  } catch (error) {
    return { fault: faultOf(error) }
  }
}

function faultOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ENOENT') return 'it is not there'
  if (code === 'EACCES') return 'this user may not read it'
  return code === '' ? 'it cannot be opened' : code
}
