/** Explains a problem with the certificate or key of TLS. */
import { CertificateError } from '../../../transports/http/listen.ts'
import { CommandFailed } from '../../failures.ts'

/** The failure for an error of `listen`; undefined if it is not about TLS. */
export function certificateFailure(error: unknown): CommandFailed | undefined {
  if (!(error instanceof CertificateError)) return undefined
  const flag = error.setting === 'tlsCert' ? '--tls-cert' : '--tls-key'
  return new CommandFailed([
    { code: 'config_tls', message: `${flag}: ${error.message}`, notes: [['try', error.remedy]] },
  ])
}
