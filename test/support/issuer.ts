/** An issuer of tokens over real HTTP, whose keys and whose silence a test decides, and API keys with their lines. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createServer } from 'node:http'
import { newApiKey } from '../../src/identity/api-key.ts'
import { writeKeyLine } from '../../src/identity/key-record.ts'

/** What the audience of its tokens is made of: mcplex is told it as `publicUrl`. */
export const publicUrl = 'https://mcp.example.com'

export interface Issuer {
  readonly url: string
  /** The ids of the keys that it publishes. */
  published: readonly string[]
  /** Whether it closes each connection without an answer. */
  isAway: boolean
  /** How often its keys were fetched. */
  readonly fetches: number
  /** A token, signed by the key of that id (an unpublished one if there is none), with these claims beside the usual ones. */
  token(claims?: Readonly<Record<string, unknown>>, kid?: string): string
  close(): void
}

export async function startIssuer(...kids: readonly [string, ...string[]]): Promise<Issuer> {
  const pairs = new Map<string, { readonly publicKey: KeyObject; readonly privateKey: KeyObject }>()
  const pairOf = (kid: string): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } => {
    const pair = pairs.get(kid) ?? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    pairs.set(kid, pair)
    return pair
  }
  let fetches = 0
  const server = createServer((request, response) => {
    if (issuer.isAway) return void request.socket.destroy()
    if (request.url === '/.well-known/openid-configuration')
      return void response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }))
    fetches++
    const keys = issuer.published.map((kid) => ({ ...pairOf(kid).publicKey.export({ format: 'jwk' }), kid }))
    response.end(JSON.stringify({ keys }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const issuer: Issuer = {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    published: kids,
    isAway: false,
    get fetches() {
      return fetches
    },
    token(claims = {}, kid = kids[0]) {
      const exp = Math.floor(Date.now() / 1000) + 3600
      const all = { iss: issuer.url, sub: 'ann', aud: `${publicUrl}/mcp`, exp, ...claims }
      const input = [{ alg: 'ES256', kid }, all].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      const signature = sign('sha256', Buffer.from(input.join('.')), {
        key: pairOf(kid).privateKey,
        dsaEncoding: 'ieee-p1363',
      })
      return `${input.join('.')}.${signature.toString('base64url')}`
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  return issuer
}

/** An API key, and the line of `auth.keys` that makes it known. */
export function keyOf(tenant: string, subject: string): { readonly key: string; readonly line: string } {
  const { id, hash, text } = newApiKey()
  return { key: text, line: writeKeyLine({ id, hash, tenant, subject }) }
}

export const bearer = (value: string): { readonly Authorization: string } => ({ Authorization: `Bearer ${value}` })
