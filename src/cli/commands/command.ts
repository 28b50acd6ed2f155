/** What a verb is to the program: its words. What it does is a file of its own, which main.ts loads when it is asked for. */
import type { Command } from 'commander'
import { CommandFailed } from '../failures.ts'

/** A verb that ends in a request of its kind, with which main.ts begins to act. */
export interface Subcommand<Request extends { readonly verb: string }> {
  readonly name: Request['verb']
  /** Says its words to commander. `asked` is told when somebody typed the verb. May throw CommandFailed when it does. */
  declare(command: Command, asked: (request: Request) => void): void
}

/** Wrong usage, with the ways out. A command among them begins with `mcplex`, which is put as it can be pasted here. */
export function wrongUsage(
  message: string,
  ...notes: ReadonlyArray<readonly [label: string, text: string]>
): CommandFailed {
  return new CommandFailed([{ code: 'usage', message, notes }])
}
