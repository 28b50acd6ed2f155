import { describe, expect, test } from 'vitest'
import { schema } from '../config/schema.ts'
import { CommandFailed, type Failure } from './failures.ts'
import { readCommandLine, type Request } from './program.ts'
import type { ServeRequest } from './commands/serve/command.ts'

function read(...argv: string[]): { request: Request | undefined; printed: string } {
  let printed = ''
  const print = (text: string): void => void (printed += text)
  const request = readCommandLine(argv, { version: '1.2.3', out: print, err: () => {} })
  return { request, printed }
}

/** The parsed `serve` request. */
function serveRequest(...argv: string[]): ServeRequest {
  const { request } = read('serve', ...argv)
  if (request?.verb !== 'serve') throw new Error('serve was not asked for')
  return request
}

function failureOf(...argv: string[]): Failure | undefined {
  try {
    read(...argv)
  } catch (error) {
    if (error instanceof CommandFailed && error.exit === 2) return error.failures[0]
    throw error
  }
  return undefined
}

describe('serve', () => {
  test('takes the command behind -- as it is, its own flags and dashes included', () => {
    const request = serveRequest('-p', '0', '--', 'npx', '-y', 'server', '--port', '1', '--', '-V')
    expect(request.command).toEqual(['npx', '-y', 'server', '--port', '1', '--', '-V'])
    expect(request.flags).toEqual(new Map([['port', ['0']]]))
  })

  test('takes the command without -- too, from its first word on', () => {
    expect(read('serve', '--json', 'node', 'server.js', '--json').request).toMatchObject({
      isJson: true,
      command: ['node', 'server.js', '--json'],
    })
  })

  test('takes the command as one text', () => {
    expect(serveRequest('--stdio', 'node "a b.js" -x').command).toEqual(['node', 'a b.js', '-x'])
  })

  test('collects repeated flags and does not check their values', () => {
    const { flags } = serveRequest('--env', 'A=1', '--env', 'B', '--allow-host', 'x', '--pool', '???', 'node')
    expect(Object.fromEntries(flags)).toEqual({ env: ['A=1', 'B'], 'allow-host': ['x'], pool: ['???'] })
  })

  test('switches something off only with its flag', () => {
    expect(serveRequest('node').flags).toEqual(new Map())
    expect(serveRequest('--no-sse', 'node').flags).toEqual(new Map([['no-sse', ['false']]]))
  })

  test('shows every flag in its help, and examples', () => {
    const { request, printed } = read('serve', '--help')
    expect(request).toBeUndefined()
    const flags = schema.flatMap((row) => row.option.flag ?? [])
    expect(flags.filter((flag) => !printed.includes(`--${flag}`))).toEqual([])
    expect(printed).toContain('Examples:')
    const names = schema
      .filter((row) => row.option.flag !== undefined)
      .flatMap((row) => row.option.env ?? row.ownEnv ?? [])
    expect(names.filter((name) => !printed.includes(name))).toEqual([])
    expect(printed).toContain('What follows -- is the server')
  })

  test.each([['help'], ['--help']])('%s shows the verbs', (word) => {
    const { request, printed } = read(word)
    expect(request).toBeUndefined()
    expect(printed).toContain('serve [options]')
    expect(printed).toContain('mcplex serve -- npx -y @modelcontextprotocol/server-everything')
  })

  test('help serve shows what serve --help does', () => {
    expect(read('help', 'serve')).toEqual(read('serve', '--help'))
  })

  test.each([['--version'], ['-V'], ['-v'], ['serve', '--version']])('%s %s prints the version alone', (...argv) => {
    expect(read(...argv.filter(Boolean))).toEqual({ request: undefined, printed: '1.2.3\n' })
  })
})

describe('connect', () => {
  test('takes a URL, --wait and --memory', () => {
    expect(
      read('connect', '--wait', '2m', '--memory', '64mb', 'https://mcp.example.com/mcp', '-q').request,
    ).toMatchObject({
      verb: 'connect',
      url: new URL('https://mcp.example.com/mcp'),
      waitMs: 120_000,
      keyEnv: 'MCPLEX_API_KEY',
      memory: '64mb',
      isQuiet: true,
    })
  })

  test.each([
    [['connect'], "missing required argument 'url'", 'mcplex connect http://127.0.0.1:8080/mcp'],
    [['connect', 'localhost:8080/mcp'], 'is not the URL of an endpoint', 'mcplex connect http://localhost:8080/mcp'],
    [['connect', 'ftp://x/mcp'], 'is not the URL of an endpoint', 'http://127.0.0.1:8080/mcp'],
    [
      ['connect', 'http://127.0.0.1:8080/mcp', '--key-env', 'mcpx_abcdefghij01_x'],
      'the name of a variable',
      'TEAM_KEY',
    ],
    [['connect', 'http://key@x/mcp'], 'holds a name or a password', 'MCPLEX_API_KEY'],
    [['connect', 'http://x/mcp', '--wait', 'soon'], '--wait soon is not a duration', '--wait 30s'],
  ])('%j is wrong usage', (argv, message, remedy) => {
    const failure = failureOf(...argv)
    expect(failure?.message).toContain(message)
    expect(failure?.notes[0]?.[1]).toContain(remedy)
  })
})

describe('wrong usage is reported with the complete line that was probably meant', () => {
  test.each([
    [['srve', '--', 'x', 'a b'], "unknown command 'srve': did you mean serve?", "mcplex serve -- x 'a b'"],
    [['frobnicate'], "there is no verb 'frobnicate'", 'mcplex serve -- frobnicate'],
    [['npx', '-y', 'foo'], "there is no verb 'npx'", 'mcplex serve -- npx -y foo'],
    [['--', 'npx', 'foo'], 'a verb is missing', 'mcplex serve -- npx foo'],
    [['--stdio', 'npx -y foo'], 'a verb is missing', "mcplex serve --stdio 'npx -y foo'"],
    [['-p', '9000', '--', 'npx', 'foo'], 'a verb is missing', 'mcplex serve -p 9000 -- npx foo'],
    [['--mode=shared', 'npx', 'foo'], 'a verb is missing', 'mcplex serve --mode=shared npx foo'],
    [['--frobnicate'], "unknown option '--frobnicate'", 'mcplex help'],
    [['http://h/mcp'], 'a verb is missing in front of http://h/mcp', 'mcplex connect http://h/mcp'],
    [['https://me:secret@h/mcp'], 'in front of https://h/mcp', 'mcplex connect https://h/mcp'],
    [['serve', 'http://h/mcp'], 'is the URL of a server that runs', 'mcplex connect http://h/mcp'],
    [['serve', '--', 'https://me:secret@h/mcp'], 'https://h/mcp is the URL', 'mcplex connect https://h/mcp'],
    [['serve', '--stdio', 'http://h/mcp'], 'is the URL of a server that runs', 'mcplex connect http://h/mcp'],
    [['serve', '--prot', '1', 'x'], "unknown option '--prot': did you mean --port?", 'mcplex serve --port 1 x'],
    [['serve', '--prot=1', 'x'], 'did you mean --port?', 'mcplex serve --port=1 x'],
    [['serve', '--stdio', 'npx', '-y', 'x'], "unknown option '-y'", 'mcplex serve -- npx -y x'],
    [['serve', '--port'], "option '-p, --port <n>' argument missing", 'mcplex serve --help'],
    [['serve', '-q', '-v', 'x'], 'cannot be used with', 'mcplex serve --help'],
    [['serve'], 'there is no command to serve', 'mcplex serve -- npx -y @modelcontextprotocol/server-everything'],
    [['serve', '--stdio', 'a', 'b'], 'the command is given twice', 'mcplex serve -- b'],
    [['serve', '--stdio', "a 'b"], 'has a quote that is never closed', 'the command after --'],
    [['config', 'cursr'], "'cursr' is not known here: did you mean cursor?", 'mcplex config cursor'],
    [['config', 'cursor', '--scope', 'usr'], 'did you mean user?', 'mcplex config cursor --scope user'],
    [['config'], "missing required argument 'client'", 'mcplex config cursor'],
    [['help', 'srve'], "there is no verb 'srve'", 'mcplex help'],
    [[], 'a verb is missing', 'mcplex serve -- npx -y @modelcontextprotocol/server-everything'],
  ])('%j', (argv, message, remedy) => {
    const failure = failureOf(...argv)
    expect(failure?.message).toContain(message)
    expect(failure?.notes.find(([label]) => label === 'try')?.[1]).toContain(remedy)
    expect(JSON.stringify(failure)).not.toContain('secret')
  })
})
