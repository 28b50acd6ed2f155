#!/usr/bin/env node
/** The command `mcplex`: reads the command line, runs the verb, shows what failed and ends with its exit code. */
import pc from 'picocolors'
import { systemClock as clock } from '../base/clock.ts'
import { version } from '../base/version.ts'
import { thisMachine } from '../config/load.ts'
import { ConfigError } from '../config/problem.ts'
import { openOutput } from './descriptor.ts'
import { closeLeakedDescriptors } from './descriptors.ts'
import { CommandFailed, type Failure } from './failures.ts'
import { leaveLostTerminals, terminalsAtStart } from './lost-terminal.ts'
import type { Outputs } from './output.ts'
import { readCommandLine, type Request } from './program.ts'
import { showFailure } from './show-failure.ts'
import { wantsColor } from './terminal.ts'

/** What was printed last gets this long to be taken: by a program that reads us, and by the log. */
const printedMs = 1000
const loggedMs = 250

closeLeakedDescriptors()
const terminals = terminalsAtStart()
process.on('exit', () => leaveLostTerminals(terminals))
const argv = process.argv.slice(2)
const outputs: Outputs = { stdout: openOutput(1, clock), stderr: openOutput(2, clock) }
const { stdout, stderr } = outputs
// It is for programs, which have no use for words.
stdout.tellLost(() => '')

const exit = await run()
await Promise.all([stdout.settled(printedMs), stderr.settled(loggedMs)])
process.exit(exit)

async function run(): Promise<number> {
  try {
    const request = readCommandLine(argv, {
      version,
      out: (text) => stdout.write(text),
      err: (text) => stderr.write(text),
    })
    const code = request ? await act(request) : 0
    // Words that were asked for and did not arrive: that is no success. What served has done more than print.
    return request?.verb === 'serve' ? code : await printed(code)
  } catch (error) {
    return report(asFailed(error))
  }
}

async function printed(code: number): Promise<number> {
  await stdout.settled(printedMs)
  return code === 0 && stdout.lost > 0 ? 1 : code
}

/** Does what was asked for. A verb is loaded when it is wanted: the others need not cost its start. */
async function act(request: Request): Promise<number> {
  switch (request.verb) {
    case 'serve': {
      const { serve } = await import('./serve.ts')
      return serve(request, thisMachine(), outputs)
    }
    case 'connect': {
      const { connect } = await import('./connect.ts')
      return connect(request, thisMachine(), outputs)
    }
    case 'config': {
      const { config } = await import('./config.ts')
      return config(request, thisMachine(), outputs)
    }
  }
}

function report(failed: CommandFailed): number {
  const colors = pc.createColors(wantsColor(thisMachine().env, stderr, argv.includes('--no-color')))
  for (const failure of failed.failures) stderr.write(showFailure(failure, colors))
  if (isJson()) {
    const errors = failed.failures.map(({ code, message, notes }) => ({ code, message, ...Object.fromEntries(notes) }))
    stdout.write(`${JSON.stringify({ event: 'failed', exit: failed.exit, errors })}\n`)
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
