/** Relative links of Markdown documents: their files are there, and so are the headings that they point at. */
import { posix } from 'node:path'
import { lineAt, withoutFences } from './tree.mjs'

/** @returns the links of a document within the repository: `{ line, href, target, anchor, file }`,
 * `target` a path below the root, `file` the name of a file that is the text of the link */
function relativeLinks(path, text) {
  const links = []
  const blank = (code) => (code.includes('](') ? ' '.repeat(code.length) : code)
  const plain = withoutFences(text).replace(/`[^`\n]*`/g, blank)
  for (const match of plain.matchAll(/(?:\[`([\w./-]+\.\w+)`)?\]\(([^)\s]+)\)/g)) {
    const [, file, href] = match
    const [to = '', anchor] = href.split('#')
    if (/^[a-z][a-z+.-]*:/i.test(to) || to.startsWith('/')) continue
    const target = to === '' ? path : posix.join(posix.dirname(path), decodeURIComponent(to))
    links.push({ line: lineAt(plain, match.index), href, target, anchor, file })
  }
  return links
}

/** Links of the document `path` that lead nowhere, or to another file than their text says: `{ path, line, message }`. */
export function wrongLinks(path, text, tree) {
  return relativeLinks(path, text).flatMap(({ line, href, target, anchor, file }) => {
    if (!tree.has(target)) return [{ path, line, message: `${href}: there is no such file.` }]
    if (file !== undefined && !`/${target}`.endsWith(`/${file}`))
      return [{ path, line, message: `${href}: the text of the link says ${file}.` }]
    if (anchor === undefined || !target.endsWith('.md')) return []
    if (headings(tree.read(target)).has(anchor)) return []
    return [{ path, line, message: `${href}: ${target} has no heading with that anchor.` }]
  })
}

/** Links of packed documents to files that the package does not hold; `packed` are the paths of its files. */
export function deadPackedLinks(packed, tree) {
  const contents = createPackedSet(packed)
  return packed
    .filter((path) => path.endsWith('.md') && tree.has(path))
    .flatMap((path) => relativeLinks(path, tree.read(path)).map((link) => ({ path, ...link })))
    .filter(({ target }) => tree.has(target) && !contents.has(target.replace(/\/$/, '')))
    .map(({ path, line, href }) => ({
      path,
      line,
      message: `${href}: not in the package. Add it to "files" in package.json, or name it without a link.`,
    }))
}

function createPackedSet(packed) {
  const contents = new Set(packed)
  for (const path of packed)
    for (let folder = posix.dirname(path); folder !== '.'; folder = posix.dirname(folder)) contents.add(folder)
  return contents
}

/** The anchors of a document's headings, as GitHub forms them. */
function headings(text) {
  const anchors = new Set()
  for (const [, title] of withoutFences(text).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const words = title.replace(/\]\([^)]*\)/g, '').toLowerCase()
    const anchor = words.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-')
    let free = anchor
    for (let count = 1; anchors.has(free); count += 1) free = `${anchor}-${count}`
    anchors.add(free)
  }
  return anchors
}
