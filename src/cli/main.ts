#!/usr/bin/env node
/** The command `mcplex`: reads the command line, runs the verb, reports failures and sets the exit code. */
import './inspector.ts'
import { systemClock as clock } from '../base/clock.ts'
import { version } from '../base/version.ts'
import { thisMachine } from '../config/load.ts'
import { openOutput } from './fd-writer.ts'
import { closeLeakedFds } from './leaked-fds.ts'
import { isJsonLog } from './log-format.ts'
import { detachLostTerminals, terminalsAtStart } from './detached-terminal.ts'
import { type Done, noticeStart } from './progress-notices.ts'
import type { Outputs } from './outputs.ts'
import { copyPassedFiles, namedDescriptors } from './passed-files.ts'
import { readCommandLine, type Request } from './program.ts'
import { report } from './report.ts'
import { createStatusLine } from './status-line.ts'
import { mayAnimate } from './terminal.ts'
import type { ServeRequest } from './commands/serve/command.ts'

/** How long to wait at the end for pending output to be read: on stdout, and on stderr. */
const printedMs = 1000
const loggedMs = 250

const typed = process.argv.slice(2)
const passed = namedDescriptors(typed)
closeLeakedFds(passed)
const terminals = terminalsAtStart()
process.on('exit', () => detachLostTerminals(terminals))
const stdout = openOutput(1, clock)
const stderr = createStatusLine(openOutput(2, clock))
const outputs: Outputs = { stdout, stderr }
// Programs read stdout: a line about lost output would only confuse them.
stdout.tellLost(() => '')

const exit = await run()
await Promise.all([stdout.settled(printedMs), stderr.settled(loggedMs)])
process.exit(exit)

async function run(): Promise<number> {
  try {
    const request = readCommandLine(await copyPassedFiles(typed, passed), {
      version,
      out: (text) => stdout.write(text),
      err: (text) => stderr.write(text),
    })
    const code = request ? await act(request) : 0
    // If requested output could not be printed, the command has failed. `serve` has done more than print.
    return request?.verb === 'serve' || request?.verb === 'up' ? code : await printed(code)
  } catch (error) {
    return report(error, typed, thisMachine().env, outputs)
  }
}

async function printed(code: number): Promise<number> {
  await stdout.settled(printedMs)
  return code === 0 && stdout.lost > 0 ? 1 : code
}

/** Runs the verb. Its module is loaded only now, so that other verbs do not slow down the start. */
async function act(request: Request): Promise<number> {
  switch (request.verb) {
    case 'serve': {
      const starting = notice(request)
      const { serve } = await import('./commands/serve/serve.ts')
      return serve(request, thisMachine(), outputs, { typed, starting })
    }
    case 'connect': {
      const { connect } = await import('./commands/connect/connect.ts')
      return connect(request, thisMachine(), outputs)
    }
    case 'check': {
      const { check } = await import('./commands/check/check.ts')
      return check(request, thisMachine(), outputs)
    }
    case 'up': {
      const { up } = await import('./commands/up/up.ts')
      return up(request, thisMachine(), outputs, typed)
    }
    case 'init': {
      const { init } = await import('./commands/init/init.ts')
      return init(request, thisMachine(), outputs)
    }
    case 'reload': {
      const { reload } = await import('./commands/reload/reload.ts')
      return reload(request, thisMachine(), outputs)
    }
    case 'upstreams': {
      const { upstreams } = await import('./commands/upstreams/upstreams.ts')
      return upstreams(request, thisMachine(), outputs)
    }
    case 'ps': {
      const { ps } = await import('./commands/ps/ps.ts')
      return ps(request, thisMachine(), outputs)
    }
    case 'sessions': {
      const { sessions } = await import('./commands/sessions/sessions.ts')
      return sessions(request, thisMachine(), outputs)
    }
    case 'tenants': {
      const { tenants } = await import('./commands/tenants/tenants.ts')
      return tenants(request, thisMachine(), outputs)
    }
    case 'explain': {
      const { explain } = await import('./commands/explain/explain.ts')
      return explain(request, thisMachine(), outputs)
    }
    case 'errors': {
      const { errors } = await import('./commands/errors/errors.ts')
      return errors(request, thisMachine(), outputs)
    }
    case 'breaker': {
      const { breaker } = await import('./commands/breaker/breaker.ts')
      return breaker(request, thisMachine(), outputs)
    }
    case 'drain': {
      const { drain } = await import('./commands/drain/drain.ts')
      return drain(request, thisMachine(), outputs)
    }
    case 'keys': {
      const { keys } = await import('./commands/keys/keys.ts')
      return keys(request, thisMachine(), outputs)
    }
    case 'config': {
      const { config } = await import('./commands/config/config.ts')
      return config(request, thisMachine(), outputs)
    }
  }
}

/** Shows on a terminal what is being started, before the modules of `serve` are loaded. */
function notice({ command, isQuiet }: ServeRequest): Done | undefined {
  const { env } = thisMachine()
  if (isQuiet || !mayAnimate(env, stderr) || isJsonLog(typed, env, true)) return undefined
  return noticeStart(command, stderr, clock)
}
