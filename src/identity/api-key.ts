/**
 * The form of an API key: `mcpx_<id>_<secret>_<checksum>`. Scanners for secrets know it by its prefix, the id may be logged,
 * and the checksum (CRC-32) finds typing errors before anything is looked up. Pure but for the random numbers.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** An API key as it is made: `text` is shown once and not kept, `hash` is kept. */
export interface NewApiKey {
  readonly id: string
  readonly text: string
  /** As `hashOfSecret` has it, in hexadecimal digits. */
  readonly hash: string
}

const prefix = 'mcpx'
const idAlphabet = 'abcdefghijklmnopqrstuvwxyz0123456789'
const secretAlphabet = `ABCDEFGHIJKLMNOPQRSTUVWXYZ${idAlphabet}`
/** 62 bits: enough to tell keys apart. */
const idChars = 12
/** 62 ** 43 is more than 2 ** 256. */
const secretChars = 43

const form = /^(mcpx_([a-z0-9]{12})_([A-Za-z0-9]{43}))_([0-9a-f]{8})$/
/** The length of every key. */
const keyChars = prefix.length + 1 + idChars + 1 + secretChars + 1 + 8

export const keyIdShape: RegExp = /^[a-z0-9]{12}$/
export const keyHashShape: RegExp = /^[0-9a-f]{64}$/

export function newApiKey(): NewApiKey {
  const id = randomText(idAlphabet, idChars)
  const secret = randomText(secretAlphabet, secretChars)
  const text = `${prefix}_${id}_${secret}`
  return { id, text: `${text}_${checksum(text)}`, hash: hashOfSecret(id, secret).toString('hex') }
}

/** The parts of a text that has the form of a key, with the right checksum; undefined if it has not. */
export function readApiKey(text: string): { readonly id: string; readonly secret: string } | undefined {
  if (text.length !== keyChars) return undefined
  const [, checked = '', id = '', secret = '', sum] = form.exec(text) ?? []
  return sum !== undefined && checksum(checked) === sum ? { id, secret } : undefined
}

/** Whether a text has a key in it, or the beginning of one. */
export function holdsApiKey(text: string): boolean {
  return /mcpx_[a-z0-9]{12}_/.test(text)
}

/**
 * What is kept of a secret. It has 256 random bits, which no one guesses, so a slow hash would only slow down requests. The id
 * is part of it: a hash is of no use under another id.
 */
export function hashOfSecret(id: string, secret: string): Buffer {
  return createHmac('sha256', `mcplex api key ${id}`).update(secret).digest()
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}

/** Characters of the alphabet, each as likely as any other. */
function randomText(alphabet: string, length: number): string {
  const fair = 256 - (256 % alphabet.length)
  let text = ''
  while (text.length < length)
    for (const byte of randomBytes(length))
      if (byte < fair && text.length < length) text += alphabet[byte % alphabet.length]
  return text
}
