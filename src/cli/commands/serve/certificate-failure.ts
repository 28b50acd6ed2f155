/** Why TLS cannot be offered, in words for whoever named the files. */
import { CertificateError } from '../../../transports/http/listen.ts'
import { CommandFailed } from '../../failures.ts'

/** The failure that an error of `listen` is; undefined if it is none of TLS. */
export function certificateFailure(error: unknown): CommandFailed | undefined {
  if (!(error instanceof CertificateError)) return undefined
  const flag = error.setting === 'tlsCert' ? '--tls-cert' : '--tls-key'
  return new CommandFailed([
    { code: 'config_tls', message: `${flag}: ${error.message}`, notes: [['try', error.remedy]] },
  ])
}
