/** Flags of the command line, made from the rows of options. */
import { type Command, Option } from 'commander'
import type { Option as Row } from '../../base/option.ts'
import { shortDefault } from '../../config/document.ts'
import { accepted } from '../../config/read-option.ts'
import { type Placed, titles } from '../../config/schema.ts'

/**
 * Adds the flags of the rows that have one.
 * @param more further flags, by the module under whose heading they stand
 */
export function addOptionFlags(
  command: Command,
  rows: readonly Placed[],
  more: Readonly<Record<string, readonly Option[]>> = {},
): void {
  for (const [module, title] of Object.entries(titles)) {
    const own = rows.flatMap(({ module: of, option, ownEnv }) =>
      of === module && option.flag !== undefined ? [asCommanderOption(option, option.flag, ownEnv)] : [],
    )
    for (const option of [...own, ...(more[module] ?? [])]) command.addOption(option.helpGroup(`${title}:`))
  }
}

function asCommanderOption(row: Row, flag: string, ownEnv: string | undefined): Option {
  const names = `${row.short === undefined ? '' : `-${row.short}, `}--${flag}`
  const env = row.env ?? ownEnv
  const facts = [
    row.kind === 'choice' ? accepted(row) : undefined,
    row.kind === 'switch' || row.kind === 'list' || row.kind === 'given' ? undefined : `default: ${shortDefault(row)}`,
    env === undefined ? undefined : `env: ${env}${flag.startsWith('no-') ? '=false' : ''}`,
  ].filter((fact) => fact !== undefined)
  const hint = facts.length === 0 ? '' : ` (${facts.join('; ')})`
  if (row.kind === 'switch') return new Option(names, `${row.about}${hint}`)
  return new Option(`${names} <${valueName(row, flag)}>`, `${row.about}${hint}`).argParser(
    (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
  )
}

/** The name of the flag's value in the help. */
function valueName(row: Row, flag: string): string {
  if (row.kind === 'count') return row.word === undefined ? 'n' : `n|${row.word}`
  if (row.kind === 'duration') return 'time'
  if (row.kind === 'bytes') return 'size'
  return row.kind === 'given' ? 'name' : (flag.split('-').at(-1) ?? flag)
}

/** The values of each flag that was typed, by its name without dashes. */
export function flagsOf(command: Command, rows: readonly Placed[]): ReadonlyMap<string, readonly string[]> {
  const known = new Set(rows.flatMap((row) => row.option.flag ?? []))
  const flags = new Map<string, readonly string[]>()
  for (const option of command.options) {
    const name = option.long?.slice(2) ?? ''
    const value: string[] | string | boolean | undefined = command.getOptionValue(option.attributeName())
    // Commander sets a negated flag (`--no-x`) to true unless it is given.
    if (!known.has(name) || value === undefined || (option.negate && value === true)) continue
    flags.set(name, Array.isArray(value) ? value : [String(value)])
  }
  return flags
}
