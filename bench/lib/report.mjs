// Collects what a run measured: raw values of every round for the CSV, judged lines for the reader.
// A line is PASS or MISS against its goal, or only told when it has none.

import { mkdirSync, writeFileSync } from 'node:fs'

/** The middle of some numbers. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The value below which a quarter of some numbers are. */
export const lowerQuartile = (values) => values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 4)]

const number = (value) => {
  if (!Number.isFinite(value)) return String(value)
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3
  return value.toFixed(digits)
}

const meets = {
  '<=': (value, limit) => value <= limit,
  '>=': (value, limit) => value >= limit,
  '=': (value, limit) => value === limit,
}

/** A report named by scenario; `goal` is a pair such as ['<=', 2]. */
export function createReport() {
  const raw = []
  const lines = []
  return {
    lines,
    /** One measured value of one round. */
    measure(scenario, round, target, what, value) {
      raw.push([scenario, round, target, what, value])
    },
    /** One line for the reader, printed at once. */
    line(scenario, what, value, unit, goal, detail = '') {
      const verdict = goal === undefined ? '' : meets[goal[0]](value, goal[1]) ? 'PASS' : 'MISS'
      const reached = `${number(value)}${unit === '' ? '' : ` ${unit}`}`
      const wanted = goal === undefined ? '' : `${goal[0]} ${goal[1]}${unit === '' ? '' : ` ${unit}`}`
      lines.push({ scenario, what, value, reached, wanted, verdict, detail })
      const columns = [scenario.padEnd(8), what.padEnd(58), reached.padStart(12), wanted.padEnd(13), verdict.padEnd(5)]
      console.log(`${columns.join('  ')} ${detail}`.trimEnd())
    },
    /** The lines as a table for a README. */
    markdown() {
      const head = '| scenario | what | reached | goal | | detail |\n|---|---|---:|---|---|---|'
      const row = (line) =>
        `| ${line.scenario} | ${line.what} | ${line.reached} | ${line.wanted} | ${line.verdict} | ${line.detail} |`
      return [head, ...lines.map(row)].join('\n')
    },
    /** Writes raw values and judged lines as CSV; returns nothing. */
    write(folder, name) {
      mkdirSync(folder, { recursive: true })
      const head = 'scenario,round,target,what,value'
      const judged = lines.map((line) => [line.scenario, 'median', 'line', line.what, line.value])
      const rows = [...raw, ...judged].map((row) => row.map((cell) => `"${cell}"`).join(','))
      writeFileSync(`${folder}/${name}.csv`, [head, ...rows].join('\n') + '\n')
      writeFileSync(`${folder}/${name}.md`, this.markdown() + '\n')
    },
  }
}

/** Counts of a load result that must be zero. */
export const faultsOf = (result) => result.foreign + result.wrong + result.lost + result.missing

/** Faults in words, with a sample. */
export function faultWords(result) {
  const { ok, foreign, wrong, lost, missing, samples } = result
  return `ok ${ok} foreign ${foreign} wrong ${wrong} lost ${lost} missing ${missing} ${samples[0] ?? ''}`
}
