/** Tables for people: aligned columns without borders. Cells may hold text of clients and servers. Pure. */
import { terminalSafeLine } from '../base/terminal-safe.ts'

/** A longer cell is cut. */
const maxCellChars = 60

/** @param rows cells in the order of the columns; an empty one is shown as `-` */
export function table(columns: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const shown = [columns, ...rows.map((cells) => cells.map((cell) => terminalSafeLine(cell, maxCellChars) || '-'))]
  const widths = columns.map((_, at) => Math.max(...shown.map((cells) => cells[at]?.length ?? 0)))
  return shown
    .map((cells) =>
      cells
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('')
}

/**
 * The same with a column TENANT, which is left out where there is only one tenant and none is asked for.
 * @param rows with the tenant in the place of its column
 */
export function tableOfTenants(
  columns: readonly string[],
  rows: ReadonlyArray<readonly string[]>,
  of: ReadonlyArray<{ readonly tenant?: string | undefined }>,
  asked?: string,
): string {
  const tenants = new Set(of.map(({ tenant = standardTenant }) => tenant))
  if (asked !== undefined || tenants.size > 1 || !tenants.has(standardTenant)) return table(columns, rows)
  const at = columns.indexOf('TENANT')
  const without = (cells: readonly string[]): string[] => cells.filter((_, index) => index !== at)
  return table(without(columns), rows.map(without))
}

/** The tenant of callers whose credentials name none. */
const standardTenant = 'default'

/** A duration in at most two units: `4s`, `12m`, `3h12m`, `2d4h`. */
export function shortAge(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours}h${minutes % 60 === 0 ? '' : `${minutes % 60}m`}`
  return `${Math.floor(hours / 24)}d${hours % 24 === 0 ? '' : `${hours % 24}h`}`
}

/** What is left of a time, rounded up, as a watch counts it down: `26s`, `4m59s`, `5m`, `1h30m`. */
export function timeLeft(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${seconds % 60 === 0 ? '' : `${seconds % 60}s`}`
  return shortAge(Math.ceil(seconds / 60) * 60_000)
}

/** A size in one unit: `512 B`, `14.2 KB`, `311 MB`. */
export function shortSize(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** power
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power] ?? ''}`
}
