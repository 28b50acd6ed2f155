/** A gateway whose clients are of tenants with the same subject, for the test that runs. */
import { createServer } from 'node:http'
import { onTestFinished } from 'vitest'
import { fillSettings } from '../../src/config/assemble.ts'
import { thisMachine } from '../../src/config/load.ts'
import type { PartialSettings, Settings } from '../../src/config/settings.ts'
import { composeGateway, type Gateway } from '../../src/gateway/gateway.ts'
import { nodeHandler } from '../../src/transports/http/listen.ts'

/** The URL of `/mcp` for each tenant. */
export interface TwoTenants {
  readonly a: string
  readonly b: string
  readonly gateway: Gateway
}

export interface ForTenants {
  readonly gateway: Gateway<Settings>
  /** The URL of an endpoint for a caller of a tenant: of the one of all upstreams, without a name. */
  url(tenant: string, endpoint?: string, subject?: string): string
}

export async function startForTwoTenants(settings: PartialSettings): Promise<TwoTenants> {
  const { gateway, url } = await startForTenants(settings)
  return { gateway, a: url('a'), b: url('b') }
}

/**
 * A gateway whose clients say in the address of which tenant they are, and who.
 * @param whenOver called with what ends it
 */
export async function startForTenants(
  settings: PartialSettings,
  whenOver: (end: () => Promise<void>) => void = onTestFinished,
): Promise<ForTenants> {
  const gateway = composeGateway({
    settings: fillSettings(settings, thisMachine()),
    authenticate: async ({ query }) => {
      const said = new URLSearchParams(query)
      return { tenant: said.get('tenant') ?? 'none', subject: said.get('subject') ?? 'same' }
    },
  })
  await gateway.start()
  const listener = createServer(nodeHandler(gateway))
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  whenOver(async () => {
    listener.closeAllConnections()
    await new Promise((resolve) => listener.close(resolve))
    await gateway.close()
  })
  const address = listener.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/mcp`
  return {
    gateway,
    url: (tenant, endpoint, subject = 'same') =>
      `${url}${endpoint === undefined ? '' : `/${endpoint}`}?${new URLSearchParams({ tenant, subject }).toString()}`,
  }
}

/** The headers of a POST within a session. */
export const postHeaders = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }
