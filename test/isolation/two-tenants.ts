/** A gateway whose clients are of two tenants with the same subject, for the test that runs. */
import { createServer } from 'node:http'
import { onTestFinished } from 'vitest'
import { fillSettings } from '../../src/config/assemble.ts'
import { thisMachine } from '../../src/config/load.ts'
import type { PartialSettings } from '../../src/config/settings.ts'
import { composeGateway } from '../../src/gateway/gateway.ts'
import { nodeHandler } from '../../src/transports/http/listen.ts'

/** The URL of `/mcp` for each tenant. */
export interface TwoTenants {
  readonly a: string
  readonly b: string
}

export async function startForTwoTenants(settings: PartialSettings): Promise<TwoTenants> {
  const gateway = composeGateway({
    settings: fillSettings(settings, thisMachine()),
    authenticate: async ({ query }) => ({
      tenant: new URLSearchParams(query).get('tenant') ?? 'none',
      subject: 'same',
    }),
  })
  await gateway.start()
  const listener = createServer(nodeHandler(gateway))
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    listener.closeAllConnections()
    await new Promise((resolve) => listener.close(resolve))
    await gateway.close()
  })
  const address = listener.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/mcp`
  return { a: `${url}?tenant=a`, b: `${url}?tenant=b` }
}

/** The headers of a POST within a session. */
export const postHeaders = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }
