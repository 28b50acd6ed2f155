/** Whole numbers on the command line of verbs for operators. */
import { wrongUsage } from './command.ts'

/** @throws CommandFailed with usage unless it is a number from `min` to `max` */
export function countOf(flag: string, text: string, min: number, max: number): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : -1
  if (value >= min && value <= max) return value
  throw wrongUsage(`${flag} ${JSON.stringify(text)} is no number from ${min} to ${max}`, ['try', `${flag} ${max}`])
}
