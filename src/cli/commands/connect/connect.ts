/**
 * The verb `connect`: bridges one client on our stdin and stdout to a remote endpoint. stdout carries only the protocol;
 * the end of stdin ends the command.
 */
import { pause, stayAwake, systemClock as clock } from '../../../base/clock.ts'
import { createMemoryBudget } from '../../../base/memory-budget.ts'
import { SecretValues } from '../../../base/secret-values.ts'
import { loadBridge } from '../../../config/load.ts'
import type { Environment } from '../../../config/environment.ts'
import { createHttpTransport } from '../../../client/http-transport.ts'
import { isLoopback } from '../../../transports/http/options.ts'
import type { Denied } from '../../../client/client-context.ts'
import { createStdioServer, type StdioServer } from '../../../transports/stdio/stdio-server.ts'
import { createPipeMemory } from '../../../client/pipe-memory.ts'
import { createLineWriter, type LineWriter, readLines } from '../../../transports/stdio/pipes.ts'
import { consoleToLog } from '../../console-to-log.ts'
import type { Outputs } from '../../outputs.ts'
import { exitCode, listenForSignals, type Stop } from '../../shutdown-signals.ts'
import { clientStopsReading } from '../../unread-output.ts'
import { firstBug, openRunContext, tellPeople } from '../../run-context.ts'
import { createSignIn } from '../../sign-in/sign-in.ts'
import { createSignInFile, signInFolder } from '../../sign-in/sign-in-file.ts'
import type { ConnectRequest } from './command.ts'
import { denial } from './denial.ts'
import { givenKey } from './keys.ts'
import { showAddress } from './show-address.ts'

/** How long requests in flight may take after the end of stdin. */
const drainMs = 30_000
/** How long to wait at the end for the last lines to be read. */
const partingMs = 1500

/** The default limit of mcplex for calls in flight in one session. */
const maxCalls = 64

/** The longest line of a client, and the longest message of a server. */
const maxLineBytes = 4 * 1024 ** 2
const maxAnswerBytes = 64 * 1024 ** 2

/**
 * Bridges until the client closes stdin, or a signal stops us.
 * @returns the exit code
 * @throws CommandFailed, ConfigError, or the error of a bug
 */
export async function connect(
  { url, waitMs, keyEnv, keyFile, signIn: signInOptions, memory, ...outputOptions }: ConnectRequest,
  machine: Environment,
  { stderr }: Outputs,
): Promise<number> {
  const settings = loadBridge(new Map(memory === undefined ? [] : [['memory', [memory]]]), machine)
  const secretValues = new SecretValues()
  const { log } = openRunContext(outputOptions, settings.log, machine, stderr, secretValues)
  const giveConsoleBack = consoleToLog(log)
  const key = await givenKey({ keyEnv, keyFile }, machine, log, (value) => secretValues.replace([value]))
  tellPeople(stderr)
  const stop = listenForSignals({ clock, log, env: machine.env })
  const awake = stayAwake()
  const bug = firstBug(log)
  const signIn = createSignIn({
    ...signInOptions,
    url,
    file: createSignInFile(signInFolder(machine.env), url, signInOptions.clientId, clock),
    show: showAddress({ endpoint: url, isBrowserOff: signInOptions.isBrowserOff, env: machine.env, stderr }),
    onSecrets: (values) => secretValues.replace(values),
    clock,
    log,
  })
  const credentials = key?.credentials ?? signIn
  if (key !== undefined && url.protocol === 'http:' && !isLoopback(url.hostname))
    log.warn({ host: url.host }, 'the key goes over the network in cleartext: use https')
  let deny: (denied: Denied) => void = () => {}
  const denied = new Promise<Denied>((resolve) => (deny = resolve))
  const kept = createPipeMemory(createMemoryBudget(settings.memoryBytes), maxAnswerBytes)
  const writer = createLineWriter(process.stdout, kept.answers, () => {
    void stdioServer.close()
    stop.ask('end')
  })
  const stdioServer: StdioServer = createStdioServer({
    handle: createHttpTransport({ url, credentials, maxBytes: maxAnswerBytes, memory: kept.answers, log }),
    write: (text) => writer.write(text),
    writeOwn: (text) => writer.writeOwn(text),
    memory: kept,
    clock,
    log,
    waitMs,
    maxCalls,
    maxMessageChars: maxAnswerBytes,
    onDenied: deny,
  })
  readLines(process.stdin, writer, maxLineBytes, {
    line: (text) => stdioServer.line(text),
    garbled: (text) => stdioServer.garbled(text),
    dropped: () => stdioServer.dropped(),
    ended: () => void Promise.race([stdioServer.settled(), pause(clock, drainMs)]).then(() => stop.ask('end')),
  })
  log.info({ endpoint: `${url.origin}${url.pathname}` }, 'bridging stdin and stdout to the endpoint')
  try {
    const found = await Promise.race([stop.asked, denied, bug])
    if (typeof found === 'string') return await Promise.race([end(stdioServer, writer, stop), bug])
    await Promise.race([stdioServer.settled().then(() => writer.flush()), pause(clock, partingMs)])
    throw denial(found, url, key ? { keyPlace: key.place } : { keyEnv, signIn })
  } finally {
    await Promise.race([stdioServer.close(), pause(clock, partingMs)])
    awake.stop()
    giveConsoleBack()
  }
}

/** Lets requests in flight finish, unless a second signal comes. */
async function end(stdioServer: StdioServer, writer: LineWriter, stop: Stop): Promise<number> {
  const reason = await stop.asked
  const drained = async (): Promise<number> => {
    // At the end of stdin, requests have had their time already.
    await Promise.race([
      stdioServer.settled(),
      pause(clock, reason === 'end' ? partingMs : drainMs),
      clientStopsReading(writer, clock),
    ])
    await Promise.race([writer.flush(), pause(clock, partingMs)])
    return exitCode(reason, false)
  }
  return Promise.race([drained(), stop.again.then((again) => exitCode(again, true))])
}
