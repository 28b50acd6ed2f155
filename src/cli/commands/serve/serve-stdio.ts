/**
 * `serve --transport stdio`: a gateway for the one client that has started us, on our stdin and stdout. stdout carries
 * only the protocol, no port is opened, and the end of stdin ends the command.
 */
import { type Clock, pause } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { SecretValues } from '../../../base/secret-values.ts'
import { version } from '../../../base/version.ts'
import type { Loaded } from '../../../config/load.ts'
import type { Settings } from '../../../config/settings.ts'
import { composeGateway, type Gateway } from '../../../gateway/gateway.ts'
import { createStdioServer, type StdioServer } from '../../../transports/stdio/stdio-server.ts'
import { createPipeMemory } from '../../../client/pipe-memory.ts'
import { createLineWriter, type LineWriter, readLines } from '../../../transports/stdio/pipes.ts'
import { serverIn } from './banner.ts'
import { serversIn } from './servers-in.ts'
import { stdioInstance } from './instance-facts.ts'
import { takeStdout } from './own-stdout.ts'
import { logEvents } from '../../log-events.ts'
import { requestAnswerer } from '../../answer-request.ts'
import { closeGateway } from '../../close-gateway.ts'
import type { Output } from '../../output.ts'
import { writeRuntimeFile } from '../../runtime-file.ts'
import { startFailureToShow } from './start-failure.ts'
import { stampModules, watchModules } from './watch-modules.ts'
import { exitCode, type Stop } from '../../shutdown-signals.ts'
import { clientStopsReading } from '../../unread-output.ts'
import type { OutputOptions } from '../output-options.ts'
import { wrongUsage } from '../command.ts'
import { firstBug, tellPeople } from '../../run-context.ts'

/** How long to wait at the end for the last lines to be read. */
const partingMs = 1500
/** How long to wait for a client to read the errors of a failed start. */
const answersMs = 500
/** Each stateless request in flight counts as a client for admission, and here all are of one client. */
const maxRequests = 1024
/** By default the session lasts as long as the pipes. */
const longestMs = 24 * 24 * 3_600_000

export interface ServeStdioNeeds {
  readonly output: OutputOptions
  readonly loaded: Loaded
  readonly log: Log
  readonly stderr: Output
  readonly stop: Stop
  readonly clock: Clock
  /** Our environment. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether modules are replaced when their files change. */
  readonly watch: boolean | undefined
  /** Whether the servers stand in a file. */
  readonly isOfFile: boolean
  /** What no message shows. */
  readonly secretValues: SecretValues
}

/**
 * Serves until the client closes stdin, or a signal stops us.
 * @returns the exit code
 * @throws CommandFailed, or the error of a bug; all workers have ended then
 */
export async function serveStdio(needs: ServeStdioNeeds): Promise<number> {
  const { output, loaded, log, stderr, stop, clock, env, secretValues } = needs
  if (output.isJson) {
    throw wrongUsage('--json prints to stdout, which carries the protocol with --transport stdio', [
      'try',
      'without --json: the log on stderr says when it is ready',
    ])
  }
  tellPeople(stderr)
  const { listen } = loaded.admin
  if (listen !== undefined && listen !== 'off')
    log.warn({ admin: listen }, 'no address is opened for operators over stdio')
  const { stdout, giveBack } = takeStdout(stderr)
  const settings = forOneClient(loaded)
  const gateway = composeGateway({ settings, log, clock, hasOneClient: true })
  const quiet = logEvents(gateway.events, log, clock, () => settings.tenants)
  const bug = firstBug(log)
  const servers = serversIn(settings)
  log.info({ ...servers }, servers.upstreams ? 'starting the servers' : 'starting the server')
  const modules = stampModules(settings)
  const starting = gateway.start()
  // A failure is handled below, and requests that wait for the start fail with it.
  starting.catch(() => {})
  const memory = createPipeMemory(gateway.transportServices.memory, longestLine(settings))
  const writer = createLineWriter(stdout, memory.answers, () => {
    // The client has stopped reading, so calls in flight are of no use.
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
    maxCalls: settings.limits.callsPerSession,
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
  let unwatch: (() => void) | undefined
  try {
    const facts = await Promise.race([starting, stop.asked, bug])
    if (typeof facts !== 'string') {
      const server = serverIn(facts, settings)
      if (loaded.admin.runtimeFile)
        writeRuntimeFile(
          stdioInstance({ ...server, name: secretValues.mask(server.name) }),
          env,
          log,
          requestAnswerer(gateway, secretValues),
        )
      log.info({ version, transport: 'stdio', server: { ...server, modes: facts.modes } }, 'ready')
      if (needs.watch) unwatch = watchModules({ gateway, settings: () => settings, since: modules, clock, log })
    }
    await Promise.race([stop.asked, bug])
    return await Promise.race([end({ gateway, stdioServer, writer, log, stop, clock }), bug])
  } catch (error) {
    // Requests in flight are answered even now.
    await Promise.race([stdioServer.settled().then(() => writer.flush()), pause(clock, answersMs)])
    await closeGateway(gateway, clock, 'briefly')
    const failed = startFailureToShow(error, { settings, env, secretValues, isOfFile: needs.isOfFile })
    if (!failed) log.error({ err: error }, 'an unexpected error ends mcplex')
    throw failed ?? error
  } finally {
    unwatch?.()
    quiet()
    giveBack()
  }
}

/** The settings for one client: unless set otherwise, its session ends with its pipes. */
function forOneClient({ settings, quote }: Loaded): Settings {
  const { sessions, limits } = settings
  const unsaid = (path: string, ms: number): number => (quote(path) === undefined ? longestMs : ms)
  const isSaid = (name: string, key: string): boolean =>
    (quote(`upstreams.${name}.${key}`) ?? quote(`upstream.${key}`)) !== undefined
  const idleTimeoutMs = unsaid('sessions.idleTimeoutMs', sessions.idleTimeoutMs)
  return {
    ...settings,
    limits: { ...limits, maxConnections: Math.max(limits.maxConnections, maxRequests) },
    sessions: { ...sessions, idleTimeoutMs, maxSessionMs: unsaid('sessions.maxSessionMs', sessions.maxSessionMs) },
    upstreams: Object.fromEntries(
      Object.entries(settings.upstreams).map(([name, upstream]) => {
        // A spare would stay unused as long as the worker of the only client lives.
        const spares = isSaid(name, 'spares') ? upstream.spares : 0
        return [
          name,
          {
            ...upstream,
            processIdleMs: isSaid(name, 'processIdleMs') ? upstream.processIdleMs : idleTimeoutMs,
            spares,
          },
        ]
      }),
    ),
  }
}

/** The limit of a result: the greatest of all servers. */
function longestLine({ upstreams }: Settings): number {
  return Math.max(...Object.values(upstreams).map(({ maxLineBytes }) => maxLineBytes))
}

interface EndNeeds extends Pick<ServeStdioNeeds, 'log' | 'stop' | 'clock'> {
  readonly gateway: Gateway
  readonly stdioServer: StdioServer
  readonly writer: LineWriter
}

/** Lets calls in flight finish; a second signal ends everything at once. */
async function end({ gateway, stdioServer, writer, log, stop, clock }: EndNeeds): Promise<number> {
  const reason = await stop.asked
  // In case the process exits before the code below returns, as nothing keeps it alive.
  process.exitCode = exitCode(reason, false)
  log.info({ reason }, 'stopping: calls in flight may finish; a signal ends them')
  const finish = async (): Promise<number> => {
    // At the end of stdin, calls have had their time already: the rest only listens, or hangs.
    // While the server still starts, `drain` refuses the requests that wait for it.
    const drained = [gateway.drain(), clientStopsReading(writer, clock)]
    await Promise.race(reason === 'end' ? [...drained, pause(clock, partingMs)] : drained)
    await Promise.race([stdioServer.settled().then(() => writer.flush()), pause(clock, partingMs)])
    await Promise.race([stdioServer.close(), pause(clock, partingMs)])
    await closeGateway(gateway, clock, 'politely')
    log.info({ reason }, 'stopped')
    // A second signal ends the calls that the drain waits for, so the drain is over then, too.
    return exitCode(stop.second ?? reason, stop.second !== undefined)
  }
  const cut = async (): Promise<number> => {
    const again = await stop.again
    process.exitCode = exitCode(again, true)
    await closeGateway(gateway, clock, 'by_force')
    return exitCode(again, true)
  }
  return Promise.race([finish(), cut()])
}
