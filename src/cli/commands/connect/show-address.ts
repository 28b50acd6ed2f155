/** Shows a person where to sign in: on stderr in any case, and in the browser. */
import type { Environment } from '../../../config/environment.ts'
import { hasScreen, openBrowser } from '../../open-browser.ts'
import type { Output } from '../../output.ts'
import { SignInFault } from '../../sign-in/sign-in-fault.ts'

export interface ShowNeeds {
  readonly endpoint: URL
  readonly isBrowserOff: boolean
  readonly env: Environment['env']
  readonly stderr: Output
}

/** @returns shows the address; resolves with a fault where nobody could open it */
export function showAddress({
  endpoint,
  isBrowserOff,
  env,
  stderr,
}: ShowNeeds): (url: URL) => Promise<SignInFault | undefined> {
  return async (url) => {
    if (!isBrowserOff && !hasScreen(env)) return noScreen(endpoint)
    stderr.write(`Sign in to ${endpoint.host}; this address opens in your browser:\n  ${url.href}\n`)
    if (isBrowserOff || (await openBrowser(url, env))) return undefined
    stderr.write('No browser could be started: open the address in a browser of this machine.\n')
    return undefined
  }
}

function noScreen({ origin, pathname }: URL): SignInFault {
  return new SignInFault(
    'sign_in',
    `${origin}${pathname} wants you to sign in with a browser, and there is no screen here to open one`,
    [
      [
        'try',
        '--no-browser, and open the printed address in a browser that reaches 127.0.0.1 of this machine (with ssh -L and --callback-port from another one)',
      ],
    ],
  )
}
