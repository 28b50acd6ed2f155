/** Marks of plans that are not in the repository: a reader cannot look them up, so the reason stands there instead. */
import { lineAt } from './tree.mjs'

const mark =
  /\bR\d{2}\b|\bM\d{1,2}\b|\b(?:protocol|reliability|ux|performance)\.md\b|(?<!docs\/)\b(?:architecture|field)\.md \d/g

/** Marks in the file `path`: `{ path, line, message }`. */
export function privateMarks(path, text) {
  return [...text.matchAll(mark)].map(({ 0: found, index }) => ({
    path,
    line: lineAt(text, index),
    message: `${found}: a mark that no reader can look up. Give the reason instead.`,
  }))
}
