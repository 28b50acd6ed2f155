/**
 * `serve --transport stdio`: the gateway for the one client that has started us, on our own stdin and stdout. stdout
 * carries the protocol and nothing else, no port is opened, and the end of stdin is the end.
 */
import { type Clock, pause } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { version } from '../../../base/version.ts'
import type { Loaded } from '../../../config/load.ts'
import type { Settings } from '../../../config/settings.ts'
import { composeGateway, type Gateway } from '../../../gateway/gateway.ts'
import { createStdioServer, type StdioServer } from '../../../transports/stdio/stdio-server.ts'
import { createPipeMemory } from '../../../client/pipe-memory.ts'
import { createLineWriter, type LineWriter, readLines } from '../../../transports/stdio/pipes.ts'
import { serverIn } from './banner.ts'
import { logEvents } from '../../log-events.ts'
import { closeGateway } from '../../close-gateway.ts'
import type { Output } from '../../output.ts'
import { startFailureToShow } from './start-failure.ts'
import { exitCode, type Stop } from '../../shutdown-signals.ts'
import { clientStopsReading } from '../../unread-output.ts'
import type { ServeRequest } from './command.ts'
import { wrongUsage } from '../command.ts'
import { firstBug, tellPeople } from '../../run-context.ts'

/** What is written last gets this long to be taken. */
const partingMs = 1500
/** Answers to a client whose server could not be started get this long. */
const answersMs = 500
/** One client takes a place for each of its requests that stand for themselves. */
const placesOfOneClient = 1024
/** Its session lasts as long as its pipes, if nothing else is said. */
const longestMs = 24 * 24 * 3_600_000

export interface StdioScene {
  readonly request: ServeRequest
  readonly loaded: Loaded
  readonly log: Log
  readonly stderr: Output
  readonly stop: Stop
  readonly clock: Clock
  /** Our environment. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * Serves until the client closes its end, or somebody asks us to stop.
 * @returns the exit code
 * @throws CommandFailed, or whatever bug ended it; nothing of ours runs any more then
 */
export async function serveStdio({ request, loaded, log, stderr, stop, clock, env }: StdioScene): Promise<number> {
  if (request.isJson) {
    throw wrongUsage('--json prints to stdout, which carries the protocol with --transport stdio', [
      'try',
      'without --json: the log on stderr says when it is ready',
    ])
  }
  tellPeople(stderr)
  const settings = forOneClient(loaded)
  const gateway = composeGateway({ settings, log, clock, hasOneClient: true })
  const quiet = logEvents(gateway.events, log, clock)
  const bug = firstBug(log)
  log.info({ command: settings.upstream.command }, 'starting the server')
  const starting = gateway.start()
  // Its failure is told below, and to the client by what it waits for.
  starting.catch(() => {})
  const memory = createPipeMemory(gateway.edge.memory, settings.upstream.maxLineBytes)
  const writer = createLineWriter(process.stdout, memory.answers, () => {
    // Nobody reads: what is in flight is for nobody.
    void stdioServer.close()
    stop.ask('end')
  })
  const stdioServer: StdioServer = createStdioServer({
    handle: (inbound) => gateway.handle(inbound),
    write: (text) => writer.write(text),
    writeOwn: (text) => writer.writeOwn(text),
    memory,
    clock,
    log,
    waitMs: 0,
    maxCalls: settings.gates.callsPerSession,
    maxMessageChars: Infinity,
    onDenied: () => {},
  })
  readLines(process.stdin, writer, settings.http.maxBodyBytes, {
    line: (text) => stdioServer.line(text),
    garbled: (text) => stdioServer.garbled(text),
    dropped: () => stdioServer.dropped(),
    ended: () => {
      void Promise.race([stdioServer.settled(), pause(clock, settings.http.drainMs)]).then(() => stop.ask('end'))
    },
  })
  try {
    const facts = await Promise.race([starting, stop.asked, bug])
    if (typeof facts !== 'string') {
      const server = { ...serverIn(facts, settings.upstream.command), modes: facts.modes }
      log.info({ version, transport: 'stdio', server }, 'ready')
    }
    await Promise.race([stop.asked, bug])
    return await Promise.race([end({ gateway, stdioServer, writer, log, stop, clock }), bug])
  } catch (error) {
    // Who waits for an answer gets one, whatever has happened.
    await Promise.race([stdioServer.settled().then(() => writer.flush()), pause(clock, answersMs)])
    await closeGateway(gateway, clock, 'briefly')
    const failed = startFailureToShow(error, settings, env)
    if (!failed) log.error({ err: error }, 'an unexpected error ends mcplex')
    throw failed ?? error
  } finally {
    quiet()
  }
}

/** The settings as they make sense for one client: its session ends with its pipes unless a time was said. */
function forOneClient({ settings, quote }: Loaded): Settings {
  const { sessions, gates, upstream } = settings
  const unsaid = (path: string, ms: number): number => (quote(path) === undefined ? longestMs : ms)
  const idleTimeoutMs = unsaid('sessions.idleTimeoutMs', sessions.idleTimeoutMs)
  return {
    ...settings,
    gates: { ...gates, maxConnections: Math.max(gates.maxConnections, placesOfOneClient) },
    sessions: { ...sessions, idleTimeoutMs, maxSessionMs: unsaid('sessions.maxSessionMs', sessions.maxSessionMs) },
    upstream: {
      ...upstream,
      processIdleMs: quote('upstream.processIdleMs') === undefined ? idleTimeoutMs : upstream.processIdleMs,
      // The one that follows the process of the only client would idle for as long as that lives.
      spares: quote('upstream.spares') === undefined ? 0 : upstream.spares,
    },
  }
}

interface Stage extends Pick<StdioScene, 'log' | 'stop' | 'clock'> {
  readonly gateway: Gateway
  readonly stdioServer: StdioServer
  readonly writer: LineWriter
}

/** Lets what is in flight finish, unless somebody asks a second time: then everything ends at once. */
async function end({ gateway, stdioServer, writer, log, stop, clock }: Stage): Promise<number> {
  const reason = await stop.asked
  // Holds even if nothing is left that keeps the process alive before the end below is reached.
  process.exitCode = exitCode(reason, false)
  log.info({ reason }, 'stopping: calls in flight may finish; a signal ends them')
  const finish = async (): Promise<number> => {
    // At the end of stdin there was time to finish already: what is left now only listens, or hangs.
    // While the server still starts, this tells the client that waits for it.
    const drained = [gateway.drain(), clientStopsReading(writer, clock)]
    await Promise.race(reason === 'end' ? [...drained, pause(clock, partingMs)] : drained)
    await Promise.race([stdioServer.settled().then(() => writer.flush()), pause(clock, partingMs)])
    await Promise.race([stdioServer.close(), pause(clock, partingMs)])
    await closeGateway(gateway, clock, 'politely')
    log.info({ reason }, 'stopped')
    return exitCode(reason, false)
  }
  const cut = async (): Promise<number> => {
    const again = await stop.again
    await closeGateway(gateway, clock, 'by_force')
    return exitCode(again, true)
  }
  return Promise.race([finish(), cut()])
}
