/** A gateway within the process of the test, behind real HTTP on a free port: for what a test must look into. */
import { createServer } from 'node:http'
import { onTestFinished } from 'vitest'
import { nodeHandler } from '../../src/transports/http/listen.ts'
import {
  createGateway,
  type Gateway,
  type GatewayNeeds,
  type PartialSettings,
  type PartialUpstream,
} from '../../src/index.ts'

export interface InProcess {
  readonly gateway: Gateway
  readonly url: string
  /** Figures of the health report. */
  counts(): Promise<Readonly<Record<string, number>>>
  end(): Promise<void>
}

/**
 * @param server the file of the server and its flags, run by this Node unless the settings name another program
 * @param port 0 takes any free one
 */
export function startInProcess(
  server: readonly string[],
  settings: Omit<PartialSettings, 'upstream'> & { readonly upstream?: Partial<PartialUpstream> } = {},
  needs: GatewayNeeds = {},
  port = 0,
): Promise<InProcess> {
  return startSettings(
    { ...settings, upstream: { command: process.execPath, ...settings.upstream, args: server } },
    needs,
    port,
  )
}

async function startSettings(settings: PartialSettings, needs: GatewayNeeds, port: number): Promise<InProcess> {
  const gateway = createGateway(settings, needs)
  await gateway.start()
  const listener = createServer(nodeHandler(gateway))
  await new Promise<void>((resolve) => listener.listen(port, '127.0.0.1', resolve))
  const address = listener.address()
  return {
    gateway,
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/mcp`,
    counts: async () => (await gateway.health()).counts ?? {},
    async end() {
      listener.closeAllConnections()
      await new Promise((resolve) => listener.close(resolve))
      await gateway.close()
    },
  }
}

type ModuleUpstream = Extract<PartialUpstream, { readonly module: unknown }>

/** A gateway for the test that runs, in front of upstreams of any kind. */
export async function startUpstreams(
  upstreams: NonNullable<PartialSettings['upstreams']>,
  settings: Omit<PartialSettings, 'upstream' | 'upstreams'> = {},
  needs: GatewayNeeds = {},
): Promise<InProcess> {
  const one = await startSettings({ ...settings, upstreams }, needs, 0)
  onTestFinished(() => one.end())
  return one
}

/** A gateway for the test that runs, in front of a module named `mine`. */
export function startModule(
  module: ModuleUpstream,
  settings: Omit<PartialSettings, 'upstream' | 'upstreams'> = {},
  needs: GatewayNeeds = {},
): Promise<InProcess> {
  return startUpstreams({ mine: module }, settings, needs)
}

/**
 * A gateway for the test that runs, in front of several servers.
 * @param servers the file of each server and its flags, or its settings, by name
 */
export function startSeveral(
  servers: Readonly<Record<string, readonly string[] | Partial<PartialUpstream>>>,
  settings: Omit<PartialSettings, 'upstream' | 'upstreams'> = {},
  needs: GatewayNeeds = {},
): Promise<InProcess> {
  return startUpstreams(upstreamsOf(servers), settings, needs)
}

/** The settings of several servers, each run by this Node unless they name another program. */
export function upstreamsOf(
  servers: Readonly<Record<string, readonly string[] | Partial<PartialUpstream>>>,
): Readonly<Record<string, PartialUpstream>> {
  return Object.fromEntries(
    Object.entries(servers).map(([name, given]) => {
      const own: Partial<PartialUpstream> = 'length' in given ? { args: given } : given
      return [name, { command: process.execPath, ...own }]
    }),
  )
}

/** The same for the test that runs: it ends with it. */
export async function startForTest(...started: Parameters<typeof startInProcess>): Promise<InProcess> {
  const one = await startInProcess(...started)
  onTestFinished(() => one.end())
  return one
}
