/** Which URLs mcplex asks on behalf of its operator. Pure. */

/** Whether a URL may be trusted to be what it says: over TLS, or of this machine. */
export function isFetchable(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || url.username !== '' || url.password !== '' || url.hash !== '') return false
  return (
    url.protocol === 'https:' || (url.protocol === 'http:' && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname))
  )
}
