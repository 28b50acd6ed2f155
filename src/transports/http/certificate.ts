/**
 * The certificate and the key for TLS: read from files, checked before the first connection, and read again when the
 * files change, as they do at each renewal. An unusable change is logged, and the previous pair stays in use.
 */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { type FilesStamp, stampFiles, watchFiles } from '../../base/watch-files.ts'
import type { HttpSettings } from './options.ts'

/** How often the files are checked for changes. */
const checkEveryMs = 60_000

/** Far above the size of the longest chain. */
const maxBytes = 1024 ** 2

/** A certificate chain and its key, in PEM. */
export interface Certificate {
  readonly cert: Buffer
  readonly key: Buffer
}

/** The paths of the two files. */
export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

/** TLS cannot be offered with these settings. The error never holds content of the files. */
export class CertificateError extends Error {
  /** The setting to correct. */
  readonly setting: 'tlsCert' | 'tlsKey'
  /** What the setting must name. */
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

/** What the files are like, to be taken before they are read: see `watchCertificate`. */
export const stampCertificate = ({ cert, key }: CertificateFiles): FilesStamp => stampFiles([cert, key])

/** @throws CertificateError if a file cannot be read, is not PEM, or the two do not belong together */
export async function readCertificate(files: CertificateFiles): Promise<Certificate> {
  const cert = await read('tlsCert', files.cert)
  const key = await read('tlsKey', files.key)
  check(files, { cert })
  check(files, { cert, key })
  return { cert, key }
}

/**
 * Watches the files for changes, and calls `use` with each usable new pair.
 * @param since what the files were like before they were read
 * @returns a function that stops it
 */
export function watchCertificate(
  files: CertificateFiles,
  since: FilesStamp,
  use: (certificate: Certificate) => void,
  clock: Clock,
  log: Log,
): () => void {
  const changed = async (): Promise<void> => {
    try {
      use(await readCertificate(files))
      log.info({ cert: files.cert }, 'certificate read again')
    } catch (error) {
      log.warn({ err: error }, 'certificate changed and is not usable: the one before stays in use')
    }
  }
  const paths = (): readonly string[] => [files.cert, files.key]
  return watchFiles({ paths, since, everyMs: checkEveryMs, settleMs: 0, changed }, clock)
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
 * Reads a regular file. Others are refused: a read of a pipe may block for ever, a device may never end, and a blocked
 * thread delays the exit of the process.
 * @throws an error with node's code; `EINVAL` for a pipe or a device, `EISDIR`, `EFBIG`
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

/** Has OpenSSL check the pair; its message becomes part of the error. */
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

/** The error code of the system or of OpenSSL. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
