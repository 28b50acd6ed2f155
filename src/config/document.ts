/** `docs/configuration.md`, printed from the tables of options so that it cannot say anything else than the code. */
import type { Option } from '../base/option.ts'
import { accepted, writeValue } from './read-option.ts'
import { commandRooms, type Placed, schema, titles } from './schema.ts'

/** The document as Markdown. */
export function configurationDocument(): string {
  return [
    '# Configuration',
    '',
    '<!-- Printed from the code by `npm run docs`. Change the `options.ts` of the room instead. -->',
    '',
    'There is no file to write: flags and environment variables are all. Flags win over the environment, the environment',
    'wins over defaults. Every option has a variable of its own, `MCPLEX_<PATH>`; the well-known names in the',
    'table work as well, and the own name wins if both are set. A program says the same in `createGateway`, under the',
    'name in the last column; it hands in a log of its own.',
    '',
    'Times are a number and a unit (`300ms`, `5s`, `30m`, `2h`, `1d`) or bare milliseconds. Sizes are a number and a unit',
    '(`64kb`, `10mb`, `1gb`, each 1,024 of the one before) or bare bytes. A variable that is set to nothing counts as not',
    'set. A value that is not accepted, or a `MCPLEX_` variable that is not known, ends the command with exit code 78 and a',
    'message that names it.',
    '',
    '| Flag | Environment | Default | In a program |',
    '| --- | --- | --- | --- |',
    ...schema.map(overview),
    '',
    ...Object.entries(titles).flatMap(([room, title]) => [
      `## ${title}`,
      '',
      ...schema.filter((row) => row.room === room).flatMap(section),
    ]),
    '## Talk of the command',
    '',
    '`--json` prints one JSON object on stdout once requests are served (or when the start failed) and nothing else',
    'there; `--quiet` leaves out the banner and logs errors only; `--verbose` logs at `debug`. Colours are used',
    'on a terminal, unless `--no-color` or `NO_COLOR` is given or `TERM` is `dumb`; `FORCE_COLOR` turns them on elsewhere.',
    '',
  ].join('\n')
}

/** A default as people read it. */
export function defaultText(option: Option): string {
  const value = option.default
  if (typeof value === 'object' && 'derived' in value) return value.derived
  return Array.isArray(value) && value.length === 0 ? 'none' : writeValue(option, value)
}

/** A default as the command's help shows it: up to the first explanation. */
export function shortDefault(option: Option): string {
  return option.kind === 'count' && option.word !== undefined ? option.word : defaultText(option)
}

function overview(row: Placed): string {
  const flag = row.option.flag === undefined ? '' : `\`--${row.option.flag}\``
  const env = row.option.env ?? row.ownEnv
  return `| ${flag} | ${env === undefined ? '' : `\`${env}\``} | ${defaultText(row.option)} | ${commandRooms.includes(row.room) ? '' : `\`${path(row)}\``} |`
}

function section(row: Placed): string[] {
  const { option } = row
  const env = [option.env, row.ownEnv].flatMap((name) => (name === undefined ? [] : [`\`${name}\``]))
  const flags = option.flag === undefined ? [] : [option.short && `\`-${option.short}\``, `\`--${option.flag}\``]
  const lines = [
    flags.length > 0 ? `- flag: ${flags.filter(Boolean).join(', ')}` : '',
    env.length > 0 ? `- environment: ${env.join(', ')}` : '',
    accepted(option) === '' ? '' : `- accepts: ${accepted(option)}`,
    `- default: ${defaultText(option)}. ${option.why}`,
  ]
  return [`### \`${path(row)}\``, '', option.about, '', ...lines.filter((line) => line !== ''), '']
}

function path(row: Placed): string {
  return `${row.room}.${row.key}`
}
