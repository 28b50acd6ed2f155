// What differs between two values of JSON, by path.

/**
 * A line for each place where the second differs from the first; none if they are equal.
 * @param {any} first
 * @param {any} second
 * @param {string} [path]
 * @returns {string[]}
 */
export function differences(first, second, path = '') {
  if (isTree(first) && isTree(second) && Array.isArray(first) === Array.isArray(second)) {
    const keys = new Set([...Object.keys(first), ...Object.keys(second)])
    return [...keys].flatMap((key) => differences(first[key], second[key], path === '' ? key : `${path}.${key}`))
  }
  return Object.is(first, second) ? [] : [`${path}: ${shown(first)}, not ${shown(second)}`]
}

const SHOWN_CHARS = 120

const isTree = (/** @type {unknown} */ value) => typeof value === 'object' && value !== null

/** @param {unknown} value */
const shown = (value) => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, SHOWN_CHARS))
