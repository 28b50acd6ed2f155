// The failures that are known and allowed, one file per lane, in the format that the suites themselves read:
//
//   server:
//     - scenario            # why
//     - scenario:check-id   # why
//
// Promises: a line without a reason is refused; a line that no failure needs is stale and fails the lane, so the files
// can only shrink. Stricter than the suites' own reading, which skips the scenarios that a requirement set does not score.

import { existsSync, readFileSync } from 'node:fs'

const ENTRY = /^ {2}- ([\w./-]+)(?::([\w./-]+))? +# \S/
const OTHER = /^(server:( \[\])?| *#.*|)$/

/**
 * @typedef {{ scenario: string, check: string | undefined }} Entry
 */

/**
 * @param {string} path
 * @returns {Entry[]}
 */
export function readBaseline(path) {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line, index) => {
      if (OTHER.test(line)) return []
      const [matched, scenario = '', check] = ENTRY.exec(line) ?? []
      if (matched === undefined) throw new Error(`${path}:${index + 1}: not "  - scenario[:check]  # reason"`)
      return [{ scenario, check }]
    })
}

/**
 * @param {import('./suite.mjs').Check[]} checks
 * @param {Entry[]} entries
 */
export function judge(checks, entries) {
  const covers = (/** @type {Entry} */ entry, /** @type {import('./suite.mjs').Check} */ check) =>
    entry.scenario === check.scenario && (entry.check === undefined || entry.check === check.id)
  const failed = checks.filter((check) => !check.passed)
  return {
    passed: checks.length - failed.length,
    expected: failed.filter((check) => entries.some((entry) => covers(entry, check))),
    unexpected: failed.filter((check) => !entries.some((entry) => covers(entry, check))),
    stale: entries.filter((entry) => !failed.some((check) => covers(entry, check))),
  }
}
