/** What the client package asks of whoever signs in: it keeps what it is given for one sign-in. */
import type { OAuthClientProvider } from '@modelcontextprotocol/client'
import { version } from '../../base/version.ts'

type Saved<Member extends 'saveClientInformation' | 'saveTokens' | 'saveDiscoveryState'> = Parameters<
  NonNullable<OAuthClientProvider[Member]>
>[0]
export type ClientInformation = Saved<'saveClientInformation'>
export type TokenAnswer = Saved<'saveTokens'>

/** What is known before, and what has come out of the sign-in. */
export interface SignInState {
  client: ClientInformation | undefined
  tokens: TokenAnswer | undefined
}

export interface ProviderNeeds {
  /** Changed as the sign-in goes on. */
  readonly state: SignInState
  readonly redirectUrl: string
  /** The parameter `state` of the request, which the answer must bring back. */
  readonly stateParameter: string
  /** The address at which a person signs in. */
  readonly onAuthorize: (url: URL) => void
}

/** @returns the provider of one run of `auth()`, and of the run that takes its code */
export function createProvider({
  state,
  redirectUrl,
  stateParameter,
  onAuthorize,
}: ProviderNeeds): OAuthClientProvider {
  let verifier = ''
  let discovery: Saved<'saveDiscoveryState'> | undefined
  return {
    redirectUrl,
    clientMetadata: {
      client_name: 'mcplex connect',
      software_id: 'mcplex',
      software_version: version,
      application_type: 'native',
      redirect_uris: [redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
    state: () => stateParameter,
    clientInformation: () => state.client,
    saveClientInformation(client) {
      state.client = client
    },
    tokens: () => state.tokens,
    saveTokens(tokens) {
      // A server that does not renew the refresh token leaves out the old one, which stays valid. [RFC 6749, 6]
      const before = state.tokens?.refresh_token
      state.tokens = before === undefined ? tokens : { refresh_token: before, ...tokens }
    },
    redirectToAuthorization: onAuthorize,
    saveCodeVerifier(text) {
      verifier = text
    },
    codeVerifier: () => verifier,
    saveDiscoveryState(found) {
      discovery = found
    },
    discoveryState: () => discovery,
    invalidateCredentials(scope) {
      if (scope === 'all' || scope === 'client') state.client = undefined
      if (scope === 'all' || scope === 'tokens') state.tokens = undefined
      if (scope === 'all' || scope === 'discovery') discovery = undefined
    },
  }
}
