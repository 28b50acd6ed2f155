#!/usr/bin/env node
/** The command `mcplex`: reads the command line, runs the verb, shows what failed and ends with its exit code. */
import pc from 'picocolors'
import { version } from '../base/version.ts'
import { thisMachine } from '../config/load.ts'
import { ConfigError } from '../config/problem.ts'
import { closeLeakedDescriptors } from './descriptors.ts'
import { CommandFailed, type Failure } from './failures.ts'
import { leaveLostTerminals, terminalsAtStart } from './lost-terminal.ts'
import { readCommandLine, type Request } from './program.ts'
import { showFailure } from './show-failure.ts'
import { wantsColor } from './terminal.ts'

closeLeakedDescriptors()
const terminals = terminalsAtStart()
process.on('exit', () => leaveLostTerminals(terminals))
const argv = process.argv.slice(2)

process.exit(await run())

async function run(): Promise<number> {
  const { stdout, stderr } = process
  try {
    const request = readCommandLine(argv, {
      version,
      out: (text) => stdout.write(text),
      err: (text) => stderr.write(text),
    })
    return request ? await act(request) : 0
  } catch (error) {
    return report(asFailed(error))
  }
}

/** Does what was asked for. A verb is loaded when it is wanted: the others need not cost its start. */
async function act(request: Request): Promise<number> {
  switch (request.verb) {
    case 'serve': {
      const { serve } = await import('./serve.ts')
      return serve(request, thisMachine())
    }
    case 'connect': {
      const { connect } = await import('./connect.ts')
      return connect(request, thisMachine())
    }
    case 'config': {
      const { config } = await import('./config.ts')
      return config(request, thisMachine())
    }
  }
}

function report(failed: CommandFailed): number {
  const colors = pc.createColors(wantsColor(thisMachine().env, process.stderr, argv.includes('--no-color')))
  for (const failure of failed.failures) process.stderr.write(showFailure(failure, colors))
  if (isJson()) {
    const errors = failed.failures.map(({ code, message, notes }) => ({ code, message, ...Object.fromEntries(notes) }))
    process.stdout.write(`${JSON.stringify({ event: 'failed', exit: failed.exit, errors })}\n`)
  }
  return failed.exit
}

/** Whether a program reads us: asked before the command line is understood, as that may be what failed. */
function isJson(): boolean {
  const dashes = argv.indexOf('--')
  return (dashes < 0 ? argv : argv.slice(0, dashes)).includes('--json')
}

function asFailed(error: unknown): CommandFailed {
  if (error instanceof CommandFailed) return error
  if (error instanceof ConfigError) return new CommandFailed(error.problems)
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const failure: Failure = {
    code: 'MCPX_INTERNAL',
    message: 'an error that nobody expected ended mcplex; the server processes were ended with it',
    notes: [['stack', stack]],
  }
  return new CommandFailed([failure])
}
