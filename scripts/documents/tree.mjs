/** The files of the repository by path, without what is installed, built or measured. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

const leftOut = new Set(['node_modules', 'dist', 'out', '.git', 'results'])

/**
 * @param root the folder of the repository
 * @returns the paths of all files below `root`, with `/` between folders, and a reader of their texts
 */
export function readTree(root) {
  const paths = []
  const folders = ['']
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = posix.join(folder, entry.name)
      if (entry.isFile()) paths.push(path)
      else if (entry.isDirectory() && !leftOut.has(entry.name)) folders.push(path)
    }
  }
  return createTree(paths.sort(), (path) => readFileSync(join(root, path), 'utf8'))
}

/** @param read gives the text of a file by its path */
export function createTree(paths, read) {
  const known = new Set(paths)
  for (const path of paths)
    for (let folder = posix.dirname(path); folder !== '.'; folder = posix.dirname(folder)) known.add(folder)
  return {
    paths,
    read,
    /** Whether `path` is a file or a folder; a trailing slash is ignored. */
    has: (path) => known.has(path.replace(/\/$/, '')) || path === '.' || path === './',
    /** Whether a file or a folder matches the regular expression. */
    some: (pattern) => [...known].some((path) => pattern.test(path)),
  }
}

/** The line, counted from 1, of the character at `index`. */
export function lineAt(text, index) {
  return text.slice(0, index).split('\n').length
}

/** A Markdown text in which fenced blocks of code are blank, with all lines in their places. */
export function withoutFences(text) {
  let fence
  return text
    .split('\n')
    .map((line) => {
      const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1]
      if (fence === undefined && mark === undefined) return line
      if (fence === undefined) fence = mark
      else if (mark?.startsWith(fence)) fence = undefined
      return ''
    })
    .join('\n')
}
