/**
 * The address on this machine to which the authorization server sends the browser back. It is open only while somebody
 * signs in, takes one answer, and that only with the `state` of this sign-in. [RFC 8252, 7.3; RFC 6749, 10.12]
 */
import { timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'

export interface RedirectListener {
  readonly url: string
  /** The parameters that the browser brings back. */
  readonly answer: Promise<URLSearchParams>
  close(): void
}

const path = '/callback'
const headers = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'",
  'Referrer-Policy': 'no-referrer',
  Connection: 'close',
}

/**
 * Listens on 127.0.0.1.
 * @param port 0 takes any free one
 * @throws the error of node if the port is not free
 */
export async function openRedirectListener(port: number, state: string): Promise<RedirectListener> {
  let resolveAnswer: (parameters: URLSearchParams) => void = () => {}
  const answer = new Promise<URLSearchParams>((resolve) => (resolveAnswer = resolve))
  const server = createServer({ maxHeaderSize: 16_384, headersTimeout: 10_000 }, (request, response) => {
    const url = URL.canParse(request.url ?? '', 'http://127.0.0.1')
      ? new URL(request.url ?? '', 'http://127.0.0.1')
      : undefined
    if (url?.pathname !== path || request.method !== 'GET') return void response.writeHead(404, headers).end()
    if (!isSame(url.searchParams.get('state') ?? '', state))
      return void response.writeHead(400, headers).end(page('This page is of another sign-in. Start the client again.'))
    const isRefused = url.searchParams.get('code') === null
    response
      .writeHead(200, headers)
      .end(
        page(
          isRefused
            ? 'The sign-in was refused. You can close this page; the client says more.'
            : 'mcplex connect has the answer. You can close this page and go back to your client.',
        ),
      )
    resolveAnswer(url.searchParams)
  })
  server.maxConnections = 20
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port }, () => resolve())
  })
  const address = server.address()
  const used = typeof address === 'object' && address ? address.port : port
  return {
    url: `http://127.0.0.1:${used}${path}`,
    answer,
    close() {
      server.close()
      // The page of the browser may still be on its way.
      server.closeIdleConnections()
      server.unref()
    },
  }
}

function isSame(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)]
  return left.length === right.length && timingSafeEqual(left, right)
}

function page(text: string): string {
  return `<!doctype html><meta charset="utf-8"><title>mcplex connect</title><body style="font:16px sans-serif;margin:3em"><p>${text}</p></body>\n`
}
