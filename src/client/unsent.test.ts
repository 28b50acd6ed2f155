import { expect, test } from 'vitest'
import { isUnsent } from './unsent.ts'

const failure = (code: string, syscall?: string): Error =>
  new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code, ...(syscall && { syscall }) }) })

test.each([
  ['ECONNREFUSED', 'connect'],
  ['EHOSTUNREACH', 'connect'],
  ['ENOTFOUND', 'getaddrinfo'],
  // Several addresses were tried.
  ['ECONNREFUSED', undefined],
  ['EPROTO', 'write'],
  ['UND_ERR_CONNECT_TIMEOUT', undefined],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', undefined],
  ['ERR_SSL_WRONG_VERSION_NUMBER', undefined],
])('%s of %s: nothing was sent', (code, syscall) => {
  expect(isUnsent(failure(code, syscall))).toBe(true)
})

test.each([
  ['ECONNRESET', 'read'],
  ['UND_ERR_SOCKET', undefined],
  ['UND_ERR_HEADERS_TIMEOUT', undefined],
  // The peer of an open connection has vanished from the network.
  ['EHOSTUNREACH', 'read'],
  ['ENETUNREACH', 'read'],
  ['ENETDOWN', 'read'],
])('%s of %s: the server may have it', (code, syscall) => {
  expect(isUnsent(failure(code, syscall))).toBe(false)
})
