// Compares two runs: `node bench/compare.mjs old.csv new.csv`. Looks at the judged lines only, whose values are ratios to
// bare or differences from it and so travel better than absolute numbers. Exits 3 when one is worse by more than a fifth.

import { readFileSync } from 'node:fs'

const tolerance = 0.2
const [older, newer] = process.argv.slice(2)
if (newer === undefined) {
  console.error('usage: node bench/compare.mjs old.csv new.csv')
  process.exit(2)
}

function linesOf(path) {
  const lines = new Map()
  for (const row of readFileSync(path, 'utf8').split('\n').slice(1, -1)) {
    const [scenario, round, , what, value] = row.slice(1, -1).split('","')
    if (round === 'median') lines.set(`${scenario}: ${what}`, Number(value))
  }
  return lines
}

// Where more is better; everywhere else less is.
const moreIsBetter = /\/s \/|per second|least served/

const before = linesOf(older)
let worse = 0
for (const [what, value] of linesOf(newer)) {
  const old = before.get(what)
  if (old === undefined) continue
  const change = old === 0 ? (value === 0 ? 0 : Infinity) : value / old - 1
  const bad = (moreIsBetter.test(what) ? -change : change) > tolerance
  worse += bad ? 1 : 0
  console.log(
    `${what.padEnd(72)} ${old.toFixed(3).padStart(10)} ${value.toFixed(3).padStart(10)} ${(change * 100).toFixed(1).padStart(7)} %${bad ? '  WORSE' : ''}`,
  )
}
process.exit(worse > 0 ? 3 : 0)
