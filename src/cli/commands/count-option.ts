/** Whole numbers on the command line of verbs for operators. */
import { wrongUsage } from './command.ts'

/** @throws CommandFailed with usage unless it is a number from 1 to `max` */
export function countOf(flag: string, text: string, max: number): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (value >= 1 && value <= max) return value
  throw wrongUsage(`${flag} ${JSON.stringify(text)} is no number from 1 to ${max}`, ['try', `${flag} ${max}`])
}
