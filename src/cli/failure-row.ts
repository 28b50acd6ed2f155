/** What is known of a failure of the command. */
export interface FailureRow {
  readonly exit: number
  /** What happened. */
  readonly meaning: string
  /** What to do about it. */
  readonly remedy: string
}

export function failureRow(exit: number, meaning: string, remedy: string): FailureRow {
  return { exit, meaning, remedy }
}
