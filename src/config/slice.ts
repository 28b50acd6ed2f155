/** Makes the settings that one table of options describes out of values. Pure. */
import type { Option, OptionTable } from '../base/option.ts'
import { checkOption, type Fault } from './read-option.ts'

/** The rows of a table by key. */
export type Rows = Readonly<Record<string, Option>>

/** Why a value of a row of kind `given` is not accepted; undefined if it is. */
export type CheckGiven = (key: string, value: unknown) => Fault | undefined

/**
 * The settings of a table, from a value for each of its rows: copies, so that freezing them does not reach the objects of
 * the caller. Throws for a value that its row does not accept: those are reported before.
 */
export function completeSlice<Slice extends object>(
  what: string,
  rows: OptionTable<Slice>,
  values: ReadonlyMap<string, unknown>,
  checkGiven: CheckGiven = () => undefined,
): Slice {
  const found: object = structuredClone(Object.fromEntries(Object.keys(rows).map((key) => [key, values.get(key)])))
  if (!isSlice<Slice>(rows, found, checkGiven)) throw new Error(`the settings of ${what} do not match its table`)
  return found
}

/**
 * Whether each value is accepted by its row. Then the object has the type of the table's settings, because a table has a
 * row for each member, of the kind that fits the member's type (base/option.ts). A value may be missing if the row's
 * default is derived.
 */
function isSlice<Slice extends object>(
  rows: OptionTable<Slice>,
  found: object,
  checkGiven: CheckGiven,
): found is Slice {
  const values = new Map<string, unknown>(Object.entries(found))
  return Object.entries<Option>(rows).every(([key, option]) => {
    const value = values.get(key)
    if (value === undefined) return isDerived(option)
    return (checkOption(option, value) ?? checkGiven(key, value)) === undefined
  })
}

function isDerived({ default: standard }: Option): boolean {
  return typeof standard === 'object' && 'derived' in standard
}

/** The default of an option; undefined if it is derived. */
export function plainDefault(option: Option): unknown {
  return isDerived(option) ? undefined : option.default
}
