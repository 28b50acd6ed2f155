/**
 * What `serve` and `up` do with their settings: gateway, port, and shutdown. It uses the library like any program, and
 * adds output on the terminal, signals and exit codes.
 */
import pc from 'picocolors'
import { pause, systemClock as clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { SecretValues } from '../../../base/secret-values.ts'
import { version } from '../../../base/version.ts'
import type { Loaded } from '../../../config/load.ts'
import type { Settings } from '../../../config/settings.ts'
import { learntEras } from '../../../config/stateless-endpoints.ts'
import type { Environment } from '../../../config/environment.ts'
import { composeGateway, type Gateway, type GatewayFacts } from '../../../gateway/gateway.ts'
import { listen, type HttpListener } from '../../../transports/http/listen.ts'
import { announce } from './announce.ts'
import { serverIn } from './banner.ts'
import { withoutSecrets } from './masked-ready.ts'
import type { Ready } from './ready.ts'
import { certificateFailure } from './certificate-failure.ts'
import { closeGateway } from '../../close-gateway.ts'
import { CommandFailed } from '../../failures.ts'
import { openAdmin, type OpenedAdmin } from './open-admin.ts'
import { httpInstance } from './instance-facts.ts'
import { keepRuntimeFile, servesStateless } from './keep-runtime-file.ts'
import { KeysFileError } from '../../../identity/keys-file.ts'
import { keysFileFailure } from '../../keys-file-failure.ts'
import { logEvents } from '../../log-events.ts'
import { type Done, noticeDrain, quietStartMs } from '../../progress-notices.ts'
import { takeStdout } from './own-stdout.ts'
import { openPort } from './open-port.ts'
import { openSocket } from './open-socket.ts'
import { pasteableName } from '../../own-command.ts'
import { serveStdio } from './serve-stdio.ts'
import { serversIn } from './servers-in.ts'
import type { Outputs } from '../../outputs.ts'
import { requestAnswerer } from '../../answer-request.ts'
import { writeRuntimeFile } from '../../runtime-file.ts'
import { type Reloading, type ReloadSource, startReloading } from './reloading.ts'
import { startFailureToShow } from './start-failure.ts'
import { stampModules, watchModules } from './watch-modules.ts'
import { showFailure } from '../../show-failure.ts'
import { exitCode, listenForSignals, type Stop } from '../../shutdown-signals.ts'
import { isInteractive } from '../../terminal.ts'
import type { OutputOptions } from '../output-options.ts'
import { firstBug, openRunContext } from '../../run-context.ts'

/** How long responses may still be written after all calls have ended. */
const partingMs = 1500

export interface Serving {
  readonly loaded: Loaded
  readonly output: OutputOptions
  /** The typed command line with another port. */
  readonly lineWith: (port: number) => string
  /** The typed command line with another address for operators. */
  readonly lineWithAdmin: (address: string) => string
  /** Removes the notice of the start, if one is shown. */
  readonly starting: Done | undefined
  /** Where the settings are read from again; undefined if they are not. */
  readonly source?: ReloadSource
  /** Whether modules are replaced when their files change. */
  readonly watch?: boolean
}

/**
 * Serves until a signal or a key stops us.
 * @returns the exit code
 * @throws CommandFailed, or the error of a bug; all workers have ended then
 */
export async function serveLoaded(serving: Serving, machine: Environment, outputs: Outputs): Promise<number> {
  const { loaded, output, lineWith, starting } = serving
  const { settings, quote } = loaded
  const { stderr } = outputs
  const secretValues = new SecretValues(loaded.secretValues)
  const { log, isPretty, isColored } = openRunContext(output, loaded.log, machine, stderr, secretValues)
  for (const one of loaded.warnings) log.warn({ code: one.code, where: one.where }, one.message)
  for (const one of loaded.missing) {
    if (isPretty && !output.isQuiet) stderr.write(showFailure(one, pc.createColors(isColored)))
    else log.error({ code: one.code, where: one.where }, one.message)
  }
  // With stdio, the file is read at the start of each client.
  const source = loaded.clients.transport === 'http' ? serving.source : undefined
  const isOfFile = serving.source !== undefined
  let reloading: Reloading | undefined
  let unwatch: (() => void) | undefined
  let endCorrections: (() => void) | undefined
  const onReload = (because: string): void => {
    if (reloading) reloading.request(because)
    else log.info({ because }, 'no reload before requests are served')
  }
  // The signal of `mcplex reload`, which works at a terminal as well. Without a listener it would end the process.
  if (source) process.on('SIGUSR2', () => onReload('mcplex reload'))
  const stop = listenForSignals({
    clock,
    log,
    env: machine.env,
    onReload: source && (() => onReload('SIGHUP')),
  })
  if (loaded.clients.transport === 'stdio') {
    starting?.()
    const stdio = {
      output,
      loaded,
      log,
      stderr,
      stop,
      clock,
      env: machine.env,
      watch: serving.watch,
      secretValues,
      isOfFile,
    }
    return serveStdio(stdio)
  }
  // With --json, programs read stdout.
  const { giveBack } = takeStdout(stderr)
  const gateway = composed(settings, log)
  const quiet = logEvents(gateway.events, log, clock, () => (reloading?.settings() ?? settings).tenants)
  let listener: HttpListener | undefined
  let admin: OpenedAdmin | undefined
  try {
    const bug = firstBug(log)
    const { http } = settings
    const listenAt = (port: number): Promise<HttpListener> =>
      listen(gateway, { ...http, port }, log, {
        slowReaderMs: settings.sessions.slowReaderMs,
        memory: gateway.transportServices.memory,
      })
    const mayChoose = isInteractive(machine.env, stderr)
    const { host, port } = http
    const operated = {
      get endpoint() {
        return listener && `${listener.url}/mcp`
      },
      config: source?.path,
      drainMs: http.drainMs,
      drain: () => stop.ask('operator'),
      reload: () => reloading?.request('an operator asked for it'),
      reloads: () => reloading?.results() ?? { begun: 0 },
    }
    admin = await openAdmin({
      gateway,
      process: operated,
      secretValues,
      settings: loaded.admin,
      allowHosts: http.allowHosts,
      env: machine.env,
      mayChoose,
      lineWith: serving.lineWithAdmin,
      quote: quote('admin.listen'),
      clock,
      log,
    })
    listener =
      http.socket === undefined
        ? await openPort({ host, port, quote: quote('http.port'), mayChoose, lineWith }, listenAt)
        : await openSocket(http.socket, quote('http.socket'), () => listenAt(0))
    const servers = serversIn(settings)
    if (!starting) log.info({ ...servers }, servers.upstreams ? 'starting the servers' : 'starting the server')
    const waiting = clock.after(quietStartMs, () => {
      const who = servers.upstreams ? 'no server has' : 'the server has not'
      if (!starting) log.info({ ...servers }, `${who} answered yet: it may be downloading, or loading`)
    })
    const modules = stampModules(settings)
    const facts = await Promise.race([gateway.start(), stop.asked, bug]).finally(() => waiting.stop())
    starting?.()
    if (typeof facts !== 'string') {
      const ready = withoutSecrets(asReady(facts, listener, admin, settings, pasteableName(machine.env)), secretValues)
      const instance = {
        ...httpInstance(ready),
        eras: learntEras(settings, (name) => servesStateless(facts.upstreams[name]?.sharing?.stateless)),
        ...(source && (source.path === undefined ? { isFromPipe: true } : { config: source.path })),
        ...(admin.places && { admin: admin.places }),
      }
      const answer = requestAnswerer(gateway, secretValues)
      const rewrite = loaded.admin.runtimeFile ? writeRuntimeFile(instance, machine.env, log, answer) : undefined
      const inForce = (): Settings => reloading?.settings() ?? settings
      const told = keepRuntimeFile({ instance, write: (now) => rewrite?.(now), gateway, settings: inForce })
      reloading =
        source &&
        startReloading({
          ...{ source, gateway, loaded, secretValues, clock, log, told },
          took: ({ admin: next }) => admin?.take(next),
        })
      if (serving.watch)
        unwatch = watchModules({
          gateway,
          settings: inForce,
          since: modules,
          clock,
          log,
        })
      endCorrections = announce(ready, {
        output,
        outputs,
        isPretty,
        isColored,
        log,
        stop,
        events: gateway.events,
        movedFrom: http.socket === undefined ? http.port : 0,
      })
    }
    await Promise.race([stop.asked, bug])
    const countdown = starting && (() => noticeDrain(http.drainMs, () => gateway.callsInFlight, stderr, clock))
    return await Promise.race([end({ gateway, listener, stop, log, countdown }), bug])
  } catch (error) {
    starting?.()
    listener?.cut()
    await closeGateway(gateway, clock, 'briefly')
    const failed =
      error instanceof CommandFailed
        ? error
        : (startFailureToShow(error, { settings, env: machine.env, secretValues, isOfFile }) ??
          certificateFailure(error))
    if (!failed) log.error({ err: error }, 'an unexpected error ends mcplex')
    throw failed ?? error
  } finally {
    reloading?.stop()
    unwatch?.()
    endCorrections?.()
    admin?.close()
    quiet()
    giveBack()
  }
}

/** @throws CommandFailed if the file of keys cannot be used */
function composed(settings: Settings, log: Log): Gateway<Settings> {
  try {
    return composeGateway({ settings, log, clock })
  } catch (error) {
    throw error instanceof KeysFileError ? keysFileFailure(error) : error
  }
}

function asReady(
  facts: GatewayFacts,
  listener: HttpListener,
  { places }: OpenedAdmin,
  settings: Ready['settings'],
  command: string,
): Ready {
  return {
    version,
    command,
    url: listener.url,
    address: listener.address,
    port: listener.port,
    socket: listener.socket,
    admin: places?.url,
    server: serverIn(facts, settings),
    upstreams: facts.upstreams,
    modes: facts.modes,
    sharing: facts.sharing,
    settings,
  }
}

interface EndNeeds {
  readonly gateway: Gateway
  readonly listener: HttpListener
  readonly stop: Stop
  readonly log: Log
  /** Shows on the terminal how long the drain may take. */
  readonly countdown: (() => Done) | undefined
}

/** Drains; a second signal ends everything at once. */
async function end({ gateway, listener, stop, log, countdown }: EndNeeds): Promise<number> {
  const reason = await stop.asked
  // In case the process exits before the code below returns, as nothing keeps it alive.
  process.exitCode = exitCode(reason, false)
  log.info({ reason }, 'stopping: calls in flight may finish; a second signal ends them')
  const done = countdown?.()
  const drained = async (): Promise<number> => {
    // Also while the server still starts: requests that wait for it are refused.
    await gateway.drain()
    done?.()
    await Promise.race([listener.close(), pause(clock, partingMs)])
    listener.cut()
    await closeGateway(gateway, clock, 'politely')
    log.info({ reason }, 'stopped')
    // A second signal ends the calls that the drain waits for, so the drain is over then, too.
    return exitCode(stop.second ?? reason, stop.second !== undefined)
  }
  const cut = async (): Promise<number> => {
    const again = await stop.again
    process.exitCode = exitCode(again, true)
    done?.()
    listener.cut()
    await closeGateway(gateway, clock, 'by_force')
    return exitCode(again, true)
  }
  return Promise.race([drained(), cut()])
}
