/**
 * Credentials that a person gets by signing in with a browser, as the authorization of MCP says: the endpoint names its
 * authorization server (RFC 9728), mcplex registers there (RFC 7591) unless it has a client id, and gets a token by PKCE.
 * Tokens are kept in a file, renewed when they have ended, and widened when the endpoint asks for another scope.
 *
 * The protocol is that of the official client package, which is loaded when the first message is refused, and never before.
 */
import { randomBytes } from 'node:crypto'
import type * as ClientPackage from '@modelcontextprotocol/client'
import { type Clock, pause, wallMs } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { type ClientCredentials, lacksScope, type RefusedCredentials } from '../../client/client-credentials.ts'
import { createProvider, type SignInState } from './oauth-provider.ts'
import { answerMs, checkNamed, createGuardedFetch } from './guarded-fetch.ts'
import { openRedirectListener, type RedirectListener } from './redirect-listener.ts'
import { SignInFault } from './sign-in-fault.ts'
import { keptOf, signInStateOf } from './kept-state.ts'
import type { KeptSignIn, SignInFile } from './sign-in-file.ts'

export interface SignInNeeds {
  readonly url: URL
  readonly file: SignInFile
  /** The id that the authorization server knows; undefined to register. */
  readonly clientId: string | undefined
  /** Where the browser comes back to; undefined for any free port. */
  readonly callbackPort: number | undefined
  /** How long a person may take, in milliseconds. */
  readonly waitMs: number
  /** Shows the address to a person. @returns why that is useless here */
  readonly show: (url: URL) => Promise<SignInFault | undefined>
  /** Called with what no log may show. */
  readonly onSecrets: (values: readonly string[]) => void
  readonly clock: Clock
  readonly log: Log
}

export interface SignIn extends ClientCredentials {
  /** Why the last sign-in failed; undefined if none has, or the endpoint offers none. */
  readonly fault: SignInFault | undefined
  /** Whether there is a token, from this sign-in or an earlier one. */
  readonly hasToken: boolean
}

/** A token is renewed before its end by so much, so that it does not end on the way. */
const earlyMs = 5_000
/** A person is asked for so many further scopes: an endpoint that names another one each time would open windows for ever. */
const mostSteps = 8
/** Of words of the other side. */
const mostChars = 300

export function createSignIn(needs: SignInNeeds): SignIn {
  return new BrowserSignIn(needs)
}

type Package = typeof ClientPackage

class BrowserSignIn implements SignIn {
  readonly #needs: SignInNeeds
  #kept: KeptSignIn | undefined
  #reading: Promise<void> | undefined
  #renewal: Promise<boolean> | undefined
  /** Scopes that a person has been asked for beyond those of the first sign-in. */
  readonly #askedScopes = new Set<string>()
  #fault: SignInFault | undefined

  constructor(needs: SignInNeeds) {
    this.#needs = needs
  }

  get fault(): SignInFault | undefined {
    return this.#fault
  }

  get hasToken(): boolean {
    return this.#kept?.tokens !== undefined
  }

  async bearer(): Promise<string | undefined> {
    await (this.#reading ??= this.#read())
    const { tokens } = this.#kept ?? {}
    const isOver = tokens?.endsMs !== undefined && tokens.endsMs - earlyMs < wallMs()
    if (isOver && tokens.answer['refresh_token'] !== undefined)
      await this.renew({ status: 401, bearer: tokens.answer.access_token, challenge: undefined, isAgain: false })
    return this.#kept?.tokens?.answer.access_token
  }

  async renew(refused: RefusedCredentials): Promise<boolean> {
    // One after the other: what the one before has got may be enough.
    while (this.#renewal) await this.#renewal
    if (refused.bearer !== this.#kept?.tokens?.answer.access_token) return true
    this.#renewal = this.#renew(refused).catch((error: unknown) => {
      this.#fault = error instanceof SignInFault ? error : unexpected(error)
      this.#needs.log.warn({ err: error }, 'signing in has failed')
      return false
    })
    try {
      return await this.#renewal
    } finally {
      this.#renewal = undefined
    }
  }

  async #read(): Promise<void> {
    try {
      this.#take(await this.#needs.file.read())
    } catch (error) {
      this.#fault = error instanceof SignInFault ? error : unexpected(error)
    }
  }

  #take(found: KeptSignIn | undefined): void {
    this.#kept = found
    const { answer } = found?.tokens ?? {}
    const values = answer ? [answer.access_token, answer['refresh_token']] : []
    this.#needs.onSecrets(values.filter((value) => typeof value === 'string'))
  }

  async #renew(refused: RefusedCredentials): Promise<boolean> {
    const { file, url, waitMs, clock } = this.#needs
    // A file that may not be used is no reason to write another one in its place.
    if (this.#fault?.code === 'sign_in_file') return false
    const oauth = await import('@modelcontextprotocol/client')
    const fetchFn = createGuardedFetch(url, clock)
    const { resourceMetadataUrl, scope } = oauth.extractWWWAuthenticateParams(
      new Response(null, { headers: { 'www-authenticate': refused.challenge ?? '' } }),
    )
    const isWider = lacksScope(refused.status, refused.challenge)
    if (isWider && (scope === undefined || this.#wasAsked(scope))) return false
    const server = { fetchFn, ...(resourceMetadataUrl && { resourceMetadataUrl }) }
    const found = await oauth.discoverOAuthServerInfo(url, server)
    // The endpoint has no authorization server: it wants a key.
    if (!found.resourceMetadata && !found.authorizationServerMetadata) return false
    return file.locked(waitMs + answerMs, async () => {
      const before = await file.read()
      const token = before?.tokens?.answer.access_token
      if (token !== undefined && token !== refused.bearer) {
        this.#take(before)
        return true
      }
      const state = signInStateOf(before, this.#needs.clientId)
      const granted = state.tokens?.scope
      const wanted = isWider ? oauth.computeScopeUnion(granted, scope) : scope
      const options = { serverUrl: url, ...server, ...(wanted !== undefined && { scope: wanted }) }
      const canRefresh = !isWider && !refused.isAgain && state.tokens?.refresh_token !== undefined && before?.client
      const after =
        (canRefresh && (await this.#refresh(oauth, state, canRefresh.redirectUrl, options))) ||
        (await this.#ask(oauth, state, before?.client?.redirectUrl, { ...options, forceReauthorization: true }))
      checkToken(after)
      await file.write(after)
      this.#take(after)
      this.#fault = undefined
      return true
    })
  }

  #wasAsked(scope: string): boolean {
    if (this.#askedScopes.has(scope) || this.#askedScopes.size >= mostSteps) return true
    this.#askedScopes.add(scope)
    return false
  }

  /** Renews the token without a person. Undefined if one is needed. */
  async #refresh(
    oauth: Package,
    state: SignInState,
    redirectUrl: string,
    options: Parameters<Package['auth']>[1],
  ): Promise<KeptSignIn | undefined> {
    const provider = createProvider({ state, redirectUrl, stateParameter: '', onAuthorize: () => {} })
    if ((await oauth.auth(provider, options)) !== 'AUTHORIZED') return undefined
    this.#needs.log.debug({}, 'the token is renewed')
    return keptOf(state, redirectUrl)
  }

  /** Has a person sign in. */
  async #ask(
    oauth: Package,
    state: SignInState,
    registeredUrl: string | undefined,
    options: Parameters<Package['auth']>[1],
  ): Promise<KeptSignIn> {
    const { url, show, clientId, log } = this.#needs
    const stateParameter = randomBytes(32).toString('base64url')
    const listener = await this.#listen(registeredUrl, stateParameter)
    try {
      // The server knows another address than the one that could be opened.
      if (clientId === undefined && listener.url !== registeredUrl) state.client = undefined
      let address: URL | undefined
      const provider = createProvider({
        state,
        redirectUrl: listener.url,
        stateParameter,
        onAuthorize: (shown) => (address = shown),
      })
      if ((await oauth.auth(provider, options)) === 'REDIRECT' && address) {
        checkNamed(url, address)
        const useless = await show(address)
        if (useless) throw useless
        const { code, iss } = await this.#answerAt(listener)
        // The old tokens are of the old sign-in.
        state.tokens = undefined
        await oauth.auth(provider, { ...options, authorizationCode: code, ...(iss !== undefined && { iss }) })
      }
      log.info({}, 'signed in')
      return keptOf(state, listener.url)
    } finally {
      listener.close()
    }
  }

  async #listen(registeredUrl: string | undefined, stateParameter: string): Promise<RedirectListener> {
    const { callbackPort } = this.#needs
    const port = callbackPort ?? (registeredUrl === undefined ? 0 : Number(new URL(registeredUrl).port))
    try {
      return await openRedirectListener(port, stateParameter)
    } catch (error) {
      if (callbackPort === undefined && port !== 0) return openRedirectListener(0, stateParameter)
      const words = error instanceof Error ? error.message : String(error)
      throw new SignInFault('sign_in', `the browser cannot come back to port ${port} of 127.0.0.1: ${words}`, [
        ['try', 'another --callback-port that the authorization server knows'],
      ])
    }
  }

  async #answerAt({ answer }: RedirectListener): Promise<{ readonly code: string; readonly iss: string | undefined }> {
    const { clock, waitMs, file } = this.#needs
    const parameters = await Promise.race([answer, pause(clock, waitMs)])
    if (!parameters)
      throw new SignInFault('sign_in', `nobody has signed in within ${Math.round(waitMs / 1000)} s`, [
        ['try', 'again; --sign-in-wait gives more time'],
        ['or', `rm ${JSON.stringify(file.path)}, if the page says that the client is unknown`],
      ])
    const code = parameters.get('code')
    if (code !== null) return { code, iss: parameters.get('iss') ?? undefined }
    // The words come from the other side: of them the short code alone is shown.
    const error = /^[\w.-]{1,64}$/.exec(parameters.get('error') ?? '')?.[0] ?? 'no reason given'
    throw new SignInFault('sign_in', `the authorization server did not let you sign in (${error})`, [
      ['try', 'again, and allow what is asked for'],
    ])
  }
}

/** @throws SignInFault if no header can carry the token */
function checkToken({ tokens }: KeptSignIn): void {
  if (!tokens || /^[\x21-\x7e]+$/.test(tokens.answer.access_token)) return
  throw new SignInFault('sign_in', 'the authorization server has given a token that no header can carry')
}

function unexpected(error: unknown): SignInFault {
  const words = error instanceof Error ? error.message : String(error)
  // They may hold what the other side says.
  const shown = words.replaceAll(/\p{C}+/gu, ' ').slice(0, mostChars)
  return new SignInFault('sign_in', `signing in has failed: ${shown}`)
}
