/**
 * The certificate and the key of TLS: read from files, checked before anybody connects, and read again when the files
 * have changed, as they do every few weeks. A change that is not usable is told and changes nothing.
 */
import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { HttpSettings } from './options.ts'

/** How often the files are looked at. */
const lookEveryMs = 60_000

/** Far above the longest chain. */
const maxBytes = 1024 ** 2

/** In PEM. */
export interface Certificate {
  readonly cert: Buffer
  readonly key: Buffer
}

/** Where the two are. */
export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

/** TLS cannot be offered as the settings say. Holds nothing of what is in the files. */
export class CertificateError extends Error {
  /** The setting that is to be set right. */
  readonly setting: 'tlsCert' | 'tlsKey'
  /** What the reader can do about it. */
  readonly remedy: string

  constructor(setting: 'tlsCert' | 'tlsKey', message: string, remedy: string) {
    super(message)
    this.name = 'CertificateError'
    this.setting = setting
    this.remedy = remedy
  }
}

/**
 * The files that the settings name; undefined without TLS.
 * @throws CertificateError if only one of them is named
 */
export function certificateFiles(
  settings: Partial<Pick<HttpSettings, 'tlsCert' | 'tlsKey'>>,
): CertificateFiles | undefined {
  const { tlsCert: cert, tlsKey: key } = settings
  if (cert === undefined && key === undefined) return undefined
  if (key === undefined)
    throw new CertificateError('tlsKey', 'there is a certificate, and no key to it', 'name the file of the key as well')
  if (cert === undefined)
    throw new CertificateError('tlsCert', 'there is a key, and no certificate', 'name the file of the certificate too')
  return { cert, key }
}

/** @throws CertificateError if a file cannot be read, is not PEM, or the two do not belong together */
export async function readCertificate(files: CertificateFiles): Promise<Certificate> {
  const cert = await read('tlsCert', files.cert)
  const key = await read('tlsKey', files.key)
  check(files, { cert })
  check(files, { cert, key })
  return { cert, key }
}

/**
 * Looks for changes of the files, and hands on a pair that is usable.
 * @returns how to stop
 */
export function watchCertificate(
  files: CertificateFiles,
  use: (certificate: Certificate) => void,
  clock: Clock,
  log: Log,
): () => void {
  let known = stamp(files)
  let isLooking = false
  async function look(): Promise<void> {
    const [before, now] = [await known, await stamp(files)]
    if (now === before) return
    known = Promise.resolve(now)
    try {
      use(await readCertificate(files))
      log.info({ cert: files.cert }, 'certificate read again')
    } catch (error) {
      log.warn({ err: error }, 'certificate changed and is not usable: the one before stays in use')
    }
  }
  const timer = clock.every(lookEveryMs, () => {
    if (isLooking) return
    isLooking = true
    void look().finally(() => (isLooking = false))
  })
  return () => timer.stop()
}

/** Changes whenever one of the files does; a link that is turned elsewhere counts as well. */
async function stamp({ cert, key }: CertificateFiles): Promise<string> {
  const one = async (path: string): Promise<string> => {
    try {
      const { mtimeMs, size, ino } = await stat(path)
      return `${mtimeMs} ${size} ${ino}`
    } catch {
      return 'none'
    }
  }
  return `${await one(cert)}, ${await one(key)}`
}

async function read(setting: 'tlsCert' | 'tlsKey', path: string): Promise<Buffer> {
  try {
    return await readRegular(path)
  } catch (error) {
    const code = codeOf(error)
    const what = setting === 'tlsCert' ? 'certificate' : 'key'
    throw new CertificateError(setting, `the ${what} ${path} cannot be read: ${code}`, remedyOf(code, path))
  }
}

/**
 * A pipe would be waited for, perhaps for ever, and a device may never end; a thread that waits holds up our own end.
 * @throws an error with node's code, `EINVAL` for what is no file
 */
async function readRegular(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const found = await file.stat()
    if (found.isFile() && found.size <= maxBytes) return await file.readFile()
    throw Object.assign(new Error(path), { code: found.isDirectory() ? 'EISDIR' : found.isFile() ? 'EFBIG' : 'EINVAL' })
  } finally {
    await file.close()
  }
}

function remedyOf(code: string, path: string): string {
  if (code === 'ENOENT') return 'the path of a file that is there'
  if (code === 'EACCES') return `a file that this user may read: ls -l ${path}`
  if (code === 'EISDIR') return 'the path of a file, not of a directory'
  return code === 'EINVAL' ? 'the path of a file, not of a pipe or a device' : 'a file that can be read'
}

/** Has OpenSSL look at it, which says what is wrong in words of its own. */
function check(files: CertificateFiles, { cert, key }: { cert: Buffer; key?: Buffer }): void {
  try {
    createSecureContext(key === undefined ? { cert } : { cert, key })
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    const code = codeOf(error)
    if (key === undefined)
      throw new CertificateError(
        'tlsCert',
        `${files.cert} holds no certificate in PEM (${message})`,
        'a file that begins with -----BEGIN CERTIFICATE-----, the chain behind it',
      )
    if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH')
      throw new CertificateError(
        'tlsKey',
        `the key ${files.key} does not belong to the certificate ${files.cert}`,
        'the key that the certificate was asked for with',
      )
    throw new CertificateError(
      'tlsKey',
      `${files.key} holds no key in PEM that can be used (${message})`,
      'a key without passphrase: a file that begins with -----BEGIN PRIVATE KEY-----',
    )
  }
}

/** The system's or OpenSSL's word for an error. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
