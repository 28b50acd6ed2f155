/** Between what the file keeps and what the client package works with. */
import { wallMs } from '../../base/clock.ts'
import type { JsonObject } from '../../base/json.ts'
import type { ClientInformation, SignInState, TokenAnswer } from './oauth-provider.ts'
import type { KeptSignIn } from './sign-in-file.ts'

/** @param clientId takes the place of a registration */
export function signInStateOf(found: KeptSignIn | undefined, clientId: string | undefined): SignInState {
  return {
    client: clientId === undefined ? clientIn(found) : { client_id: clientId },
    tokens: tokensIn(found),
  }
}

export function keptOf({ client, tokens }: SignInState, redirectUrl: string): KeptSignIn {
  return {
    client: client && { information: plain(client), redirectUrl },
    tokens: tokens && {
      answer: { ...plain(tokens), access_token: tokens.access_token },
      endsMs: tokens.expires_in === undefined ? undefined : wallMs() + tokens.expires_in * 1000,
    },
  }
}

function clientIn(found: KeptSignIn | undefined): ClientInformation | undefined {
  const { client_id: id, client_secret: secret, issuer } = found?.client?.information ?? {}
  if (typeof id !== 'string') return undefined
  return {
    client_id: id,
    ...(typeof secret === 'string' && { client_secret: secret }),
    ...(typeof issuer === 'string' && { issuer }),
  }
}

function tokensIn(found: KeptSignIn | undefined): TokenAnswer | undefined {
  const { answer } = found?.tokens ?? {}
  if (!answer) return undefined
  const { refresh_token: refresh, scope, issuer, token_type: type } = answer
  return {
    access_token: answer.access_token,
    token_type: typeof type === 'string' ? type : 'Bearer',
    ...(typeof refresh === 'string' && { refresh_token: refresh }),
    ...(typeof scope === 'string' && { scope }),
    ...(typeof issuer === 'string' && { issuer }),
  }
}

/** Without members that JSON has no value for. */
function plain(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject
}
