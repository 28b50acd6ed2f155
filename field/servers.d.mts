/** The servers by name, in alphabetical order. */
export const servers: readonly string[]

/** How to start a server: what Node is to run, and the variables that it needs. Throws if there is none of that name. */
export function serverCommand(name: string): {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly package: string
  readonly version: string
}
