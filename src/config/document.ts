/** `docs/configuration.md`, printed from the tables of options so that it always agrees with the code. */
import type { Option } from '../base/option.ts'
import { accepted, writeValue } from './read-option.ts'
import { fileDocument } from './file-document.ts'
import { namedRows } from './named-document.ts'
import { commandModules, type Placed, schema, titles } from './schema.ts'

/** The document as Markdown. */
export function configurationDocument(): string {
  return [
    '# Configuration',
    '',
    '<!-- Printed from the code by `npm run docs`. Change the `options.ts` of the module instead. -->',
    '',
    'Options are set by flags, by environment variables, and in a file. Flags win over the environment, the environment wins',
    'over the file, the file over defaults. `mcplex check --print` shows each value with its origin.',
    '',
    'Every option has a path, such as `limits.queue.max`, where it stands in the file. Its own environment variable is named after the path: `MCPLEX_`,',
    'then the path in capitals, with `__` for each dot and `_` between the words of a name. So `MCPLEX_LIMITS__QUEUE__MAX`',
    'sets `limits.queue.max`, and `MCPLEX_LIMITS__QUEUE__MAX_WAIT` sets `limits.queue.maxWait`. Some options also have a',
    'well-known variable, such as `PORT`; if both are set, the `MCPLEX_` variable wins. Options without a variable in the',
    'table are given on the command line, in a file, or by a program.',
    '',
    'A program passes the same settings to `createGateway`, under the names in the last column. It passes its own log.',
    '',
    'Times are a number and a unit (`300ms`, `5s`, `30m`, `2h`, `1d`, also `5 minutes`) or bare milliseconds. Sizes are a number',
    'and a unit (`64kb`, `10mb`, `1gb`, each 1,024 of the one before) or bare bytes. An empty variable counts as not set. A value',
    'that is not accepted, or an unknown `MCPLEX_` variable, ends the command with exit code 78 and a message that names it.',
    '',
    ...fileDocument(),
    '## All options',
    '',
    'Of a limit, `0` (of a size `0b`, of a time `0ms`) means none or never where the text of the option says so. Percentages are',
    'numbers without a sign, but for `limits.cpu` of a server.',
    '',
    '| Path | Flag | Environment | Default | In a program |',
    '| --- | --- | --- | --- | --- |',
    ...schema.map(overview),
    '',
    'An upstream and an endpoint of a file have options of their own, below their `NAME`:',
    '',
    '| Path | Environment | Default |',
    '| --- | --- | --- |',
    ...namedRows.flatMap(([, rows]) => rows).map(namedOverview),
    '',
    ...Object.entries(titles).flatMap(([module, title]) => [
      `## ${title}`,
      '',
      ...schema.filter((row) => row.module === module).flatMap(section),
    ]),
    ...namedRows.flatMap(([title, rows]) => [`## ${title}`, '', ...rows.flatMap(section)]),
    '## Output of the command',
    '',
    '`--json` prints one JSON object on stdout, when requests are served or when the start has failed, and nothing else on',
    'stdout. `--quiet` omits the banner and logs errors only; `--verbose` logs at `debug`. Colours are used on a terminal,',
    'unless `--no-color` or `NO_COLOR` is set or `TERM` is `dumb`; `FORCE_COLOR` turns them on elsewhere.',
    '',
  ].join('\n')
}

/** A default as the documentation shows it. */
export function defaultText(option: Option): string {
  const value = option.default
  if (typeof value === 'object' && 'derived' in value) return value.derived
  return value === '' || (Array.isArray(value) && value.length === 0) ? 'none' : writeValue(option, value)
}

/** A default as the command's help shows it: up to the first explanation. */
export function shortDefault(option: Option): string {
  return option.kind === 'count' && option.word !== undefined ? option.word : defaultText(option)
}

function overview(row: Placed): string {
  const flag = row.option.flag === undefined ? '' : `\`--${row.option.flag}\``
  const env = row.option.env ?? row.ownEnv
  const name = commandModules.includes(row.module) ? '' : `\`${programName(row)}\``
  return `| \`${row.path}\` | ${flag} | ${env === undefined ? '' : `\`${env}\``} | ${defaultText(row.option)} | ${name} |`
}

function namedOverview({ path, ownEnv, option }: Placed): string {
  return `| \`${path}\` | ${ownEnv === undefined ? '' : `\`${ownEnv}\``} | ${defaultText(option)} |`
}

function section(row: Placed): string[] {
  const { option } = row
  const env = [option.env, row.ownEnv].flatMap((name) => (name === undefined ? [] : [`\`${name}\``]))
  const flags = option.flag === undefined ? [] : [option.short && `\`-${option.short}\``, `\`--${option.flag}\``]
  const lines = [
    `- path: \`${row.path}\``,
    flags.length > 0 ? `- flag: ${flags.filter(Boolean).join(', ')}` : '',
    env.length > 0 ? `- environment: ${env.join(', ')}` : '',
    accepted(option) === '' ? '' : `- accepts: ${accepted(option)}`,
    `- default: ${defaultText(option)}. ${option.why}`,
  ]
  return [`### \`${programName(row)}\``, '', option.about, '', ...lines.filter((line) => line !== ''), '']
}

/** The name of an option in the settings of a program. */
function programName(row: Placed): string {
  return row.module === '' ? row.key : `${row.module}.${row.key}`
}
