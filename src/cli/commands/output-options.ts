/** The output options that every verb has. */
import { type Command, Option } from 'commander'

export interface OutputOptions {
  readonly isJson: boolean
  readonly isQuiet: boolean
  readonly isVerbose: boolean
  readonly isColorOff: boolean
}

/**
 * Adds the options.
 * @param json describes what --json prints; without it, the verb has no --json
 * @param logs whether the verb runs on and writes a log; the others take --verbose as well, but it has nothing to add there
 */
export function addOutputOptions(command: Command, json?: string, logs = false): void {
  const quiet = logs ? 'No banner, and errors only in the log.' : 'Print only what is asked for, and errors.'
  const options = [
    ...(json === undefined ? [] : [new Option('--json', json)]),
    new Option('-q, --quiet', quiet).conflicts('verbose'),
    new Option('-v, --verbose', 'Log at debug.').hideHelp(!logs),
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
