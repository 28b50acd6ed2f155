/** How a verb declares its command line. main.ts loads the file that runs a verb only when it is needed. */
import type { Command } from 'commander'
import { CommandFailed } from '../failures.ts'

/** A verb of the command line, which is parsed into a request of its type. */
export interface Subcommand<Request extends { readonly verb: string }> {
  readonly name: Request['verb']
  /** Declares its options to commander. `asked` is called if the verb was typed; parsing may throw CommandFailed. */
  declare(command: Command, asked: (request: Request) => void): void
}

/** A usage failure with remedies. Commands among them begin with `mcplex`, which `report.ts` makes pasteable. */
export function wrongUsage(
  message: string,
  ...notes: ReadonlyArray<readonly [label: string, text: string]>
): CommandFailed {
  return new CommandFailed([{ code: 'usage', message, notes }])
}
