/** The key in a secret of a webhook. Pure. */

/** Fewer bytes could be tried out. */
const leastBytes = 24
const prefix = 'whsec_'

/**
 * `whsec_` and base64, as tools of Standard Webhooks make secrets, or any other text. Empty if what follows `whsec_` is no base64
 * of 24 bytes or more.
 */
export function webhookKey(secret: string): Buffer {
  if (!secret.startsWith(prefix)) return Buffer.from(secret)
  const encoded = secret.slice(prefix.length)
  const key = Buffer.from(encoded, 'base64')
  const isWhole = key.toString('base64').replace(/=+$/, '') === encoded.replace(/=+$/, '')
  return isWhole && key.length >= leastBytes ? key : Buffer.alloc(0)
}

export function isWebhookSecret(text: string): boolean {
  return /^[\x21-\x7e]{24,512}$/.test(text) && webhookKey(text).length >= leastBytes
}
