/** The output options that every verb has. */
import { type Command, Option } from 'commander'

export interface OutputOptions {
  readonly isJson: boolean
  readonly isQuiet: boolean
  readonly isVerbose: boolean
  readonly isColorOff: boolean
}

/** Adds the options. @param json describes what --json prints; without it, the verb has no --json */
export function addOutputOptions(command: Command, json?: string): void {
  const options = [
    ...(json === undefined ? [] : [new Option('--json', json)]),
    new Option('-q, --quiet', 'No banner, and errors only in the log.').conflicts('verbose'),
    new Option('-v, --verbose', 'Log at debug.'),
    new Option('--no-color', 'No colours.'),
  ]
  for (const option of options) command.addOption(option.helpGroup('Output:'))
}

export function outputOptionsOf(command: Command): OutputOptions {
  const options = command.opts()
  return {
    isJson: options['json'] === true,
    isQuiet: options['quiet'] === true,
    isVerbose: options['verbose'] === true,
    isColorOff: options['color'] === false,
  }
}
