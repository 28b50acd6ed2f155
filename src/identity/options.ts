/** The settings `auth`: how clients prove who they are. */
import { isFetchable } from '../base/fetchable-url.ts'
import type { OptionTable } from '../base/option.ts'
import { isTenantName, readIssuerLine, secretInIssuerLine } from './issuer-line.ts'
import { readKeyLine } from './key-record.ts'
import { isScopeRule, patternsInRule } from './scope-rules.ts'
import { isAnyAddress, isPeer } from './trusted-peers.ts'

export interface AuthSettings {
  /** Which credentials are accepted: `none` alone, or others side by side. */
  readonly methods: readonly string[]
  /** The file of API keys; undefined for none. */
  readonly keysFile: string | undefined
  /** Further API keys, as lines that key-record.ts reads. */
  readonly keys: readonly string[]
  /** The issuers whose tokens are accepted, as lines that issuer-line.ts reads. */
  readonly issuers: readonly string[]
  /** The URL under which clients know mcplex, without `/mcp`. */
  readonly publicUrl: string | undefined
  /** Which scopes requests need, as lines that scope-rules.ts reads. */
  readonly scopes: readonly string[]
  /** The proxies that may say who is calling, as texts that trusted-peers.ts reads. */
  readonly proxyFrom: readonly string[]
  /** What such a proxy proves itself with, beside its address or in place of it. */
  readonly proxySecret: string | undefined
  /** These are names of headers, in lower case. */
  readonly proxySecretHeader: string
  readonly proxyUserHeader: string
  readonly proxyTenantHeader: string | undefined
  /** The tenant of all its callers; with a header, of those without it. */
  readonly proxyTenant: string | undefined
  readonly proxyScopesHeader: string | undefined
}

/**
 * Headers with a meaning of their own. Of some of them node keeps the first value and drops the others, so that a client could
 * put its own before that of the proxy.
 */
const takenHeaders =
  /^(host|cookie|set-cookie|authorization|proxy-.*|connection|keep-alive|te|trailer|upgrade.*|expect|via|date|dnt|from|age|etag|expires|location|referer|range|retry-after|server|user-agent|max-forwards|origin|x-api-key|x-content-type-options|accept.*|access-control-.*|content-.*|if-.*|last-.*|mcp-.*|sec-.*|transfer-encoding)$/

const headerName = {
  accepted: 'the name of a header in lower case that has no other meaning: x-forwarded-user',
  test: (text: string): boolean => /^[a-z0-9][a-z0-9-]{1,63}$/.test(text) && !takenHeaders.test(text),
}

/** An issuer that several lines name: which of them its tokens are to be checked by would be a guess. */
export function issuerNamedTwice(lines: readonly string[]): string | undefined {
  const issuers = lines.map((line) => readIssuerLine(line)?.issuer)
  return issuers.find((issuer, at) => issuer !== undefined && issuers.indexOf(issuer) !== at)
}

/** How many lines are of issuers that mcplex asks: an opaque token does not say whose it is, and none may learn of another's. */
export function introspectingLines(lines: readonly string[]): number {
  return lines.filter((line) => readIssuerLine(line)?.introspection !== undefined).length
}

/** The patterns of tools or upstreams in lines of `auth.scopes`. */
export function scopePatterns(lines: readonly string[], kind: 'tool' | 'upstream'): readonly string[] {
  return lines.flatMap((line) => patternsInRule(line, kind))
}

/** Whether a proxy at such an address could be anybody. */
export function isEverybody(peer: string): boolean {
  return isAnyAddress(peer)
}

/** The name of the keys file, unless another one is named. */
export const keysFileName = 'mcplex.keys.json'

export const authOptions: OptionTable<AuthSettings> = {
  methods: {
    path: 'auth.methods',
    kind: 'list',
    flag: 'auth',
    about:
      'How clients prove who they are: `none` (they need not), or one or more of `keys` (an API key of `mcplex keys create`), `oauth` (a token of one of `auth.issuers`, which stand in the file or in a variable) and `proxy` (a proxy in front of mcplex says who it is, if `auth.proxy` trusts it). Over stdio nothing is asked for, because the client has started mcplex itself.',
    default: ['none'],
    shape: {
      accepted: 'none, or one or more of keys, oauth and proxy: --auth keys --auth oauth',
      test: (text) => /^(none|keys|oauth|proxy)$/.test(text),
    },
    why: 'Only this machine can reach the default address. Any other address needs credentials, or --insecure.',
  },
  keysFile: {
    path: 'auth.keysFile',
    kind: 'text',
    isPath: true,
    flag: 'keys-file',
    about:
      'The file of API keys, which `mcplex keys` writes. It has hashes, no secrets. A change of it is applied within a second: open requests of a revoked key end, and sessions whose subject has no key left.',
    default: { derived: `${keysFileName} beside the configuration file, or in the current folder` },
    shape: { accepted: 'the path of a file', test: (text) => text !== '' && !text.includes('\0') },
    why: 'A user who can write it can make keys, so it stands with the configuration, and no other user may write or own it, but for root.',
  },
  keys: {
    path: 'auth.keys',
    kind: 'list',
    about: 'Further API keys, each as the line that `mcplex keys create --line` prints: its id, its hash, whose it is.',
    default: [],
    shape: {
      accepted: 'a line of mcplex keys create --line: ID HASH tenant=acme subject=ann',
      test: (text) => readKeyLine(text) !== undefined,
    },
    why: 'So that keys are deployed together with the configuration. A hash is no secret; a key cannot be made from it.',
  },
  issuers: {
    path: 'auth.issuers',
    kind: 'list',
    about:
      'The OAuth authorization servers whose tokens (signed JWTs, or opaque ones) are accepted, each as one line: its URL, and after it what is special: `tenantClaim=org_id` (the claim that names the tenant), `tenant=acme` (the tenant of tokens without that claim), `audience=mcplex` (in place of the URLs of the endpoints), `jwks=https://...` (where its signing keys are), `algorithms=RS256+ES256`; for opaque tokens `introspection=https://... clientId=mcplex clientSecret=${SECRET}` (where mcplex asks about them, and as which client), `remember=60s` (how long an answer is good, at most 300s).',
    default: [],
    secretIn: secretInIssuerLine,
    shape: {
      accepted: 'a URL over https (or of this machine), and more: https://login.example.com tenantClaim=org_id',
      test: (text) => readIssuerLine(text) !== undefined,
    },
    why: 'Whom to trust is a decision.',
  },
  publicUrl: {
    path: 'auth.publicUrl',
    kind: 'text',
    about:
      'The URL under which clients know mcplex, without `/mcp`. Tokens must be for an endpoint below it, and clients find the issuers in the metadata there.',
    default: { derived: 'none' },
    shape: {
      accepted: 'a URL without a slash at its end: https://mcp.example.com',
      test: (text) => isFetchable(text) && !/[/?"\\]$/.test(text) && new URL(text).search === '' && !text.includes('?'),
    },
    why: 'mcplex does not know what stands in front of it, and what a client sends as its host is no proof.',
  },
  scopes: {
    path: 'auth.scopes',
    kind: 'list',
    about:
      'Which scopes requests need. Each line is a scope and the requests that need it: methods (`mcp:tools tools/*`), calls of tools by their names on /mcp (`mcp:write tool:github__create_*`), or everything for one server except lists (`mcp:github upstream:github`). `*` stands for any characters. A request needs the scopes of all lines that name it. API keys without scopes need none.',
    default: [],
    shape: {
      accepted: 'a scope and methods, tools or upstreams: mcp:tools tools/call tool:github__* upstream:github',
      test: (text) => isScopeRule(text),
    },
    why: 'Without lines, a token that is good for the endpoint is good for everything there.',
  },
  proxyFrom: {
    path: 'auth.proxy.from',
    kind: 'list',
    about:
      'The proxies that may say in headers who is calling, by the address of the connection: IP addresses, networks such as `10.0.0.0/8`, `loopback` (any program of this machine), or `unix` (whoever may connect to `listen.socket`). With `auth.proxy.secret` as well, a request needs both.',
    default: [],
    shape: {
      accepted: 'an IP address, a network, loopback or unix: 10.0.0.7, 10.0.0.0/8, fd00::/8',
      test: (text) => isPeer(text),
    },
    why: 'Whom to trust is a decision: such a peer can be any user.',
  },
  proxySecret: {
    path: 'auth.proxy.secret',
    kind: 'text',
    about:
      'A secret that the proxy sends in a header, for proxies without a fixed address. Keep it in a variable or a file: `${PROXY_SECRET}`, `${file:/run/secrets/proxy}`. Nothing shows it.',
    default: { derived: 'none' },
    secretIn: (text) => text,
    shape: {
      accepted: 'at least 16 visible characters: openssl rand -hex 32',
      test: (text) => /^[\u0021-\u007e]{16,512}$/.test(text),
    },
    why: 'Without it, the address alone decides.',
  },
  proxySecretHeader: {
    path: 'auth.proxy.secretHeader',
    kind: 'text',
    about: 'The header with that secret.',
    default: 'x-mcplex-proxy-secret',
    shape: headerName,
    why: 'No other program reads it.',
  },
  proxyUserHeader: {
    path: 'auth.proxy.userHeader',
    kind: 'text',
    about:
      'The header that names the user: `x-forwarded-user`, `x-auth-request-user` or `x-auth-request-email` (oauth2-proxy), `remote-user` (Authelia), `cf-access-authenticated-user-email` (Cloudflare Access). The proxy has to replace what the client sends in it.',
    default: 'x-forwarded-user',
    shape: headerName,
    why: 'It is what most of them send. Only one is read: a second one might be passed through from the client.',
  },
  proxyTenantHeader: {
    path: 'auth.proxy.tenantHeader',
    kind: 'text',
    about:
      'The header that names the tenant. A request without it is refused, unless `auth.proxy.tenant` is there as well.',
    default: { derived: 'none' },
    shape: headerName,
    why: 'Most proxies serve one organisation.',
  },
  proxyTenant: {
    path: 'auth.proxy.tenant',
    kind: 'text',
    about: 'The tenant of the callers behind the proxy; with `auth.proxy.tenantHeader`, of those without that header.',
    default: { derived: '`default` without `auth.proxy.tenantHeader`' },
    shape: { accepted: 'at most 64 letters, digits, - and _', test: (text) => isTenantName(text) },
    why: 'A header that is missing by mistake must not choose a tenant.',
  },
  proxyScopesHeader: {
    path: 'auth.proxy.scopesHeader',
    kind: 'text',
    about:
      'The header with the scopes of the caller, separated by spaces or commas, for `auth.scopes`. A request without it has none.',
    default: { derived: 'none: the callers behind the proxy lack no scope' },
    shape: headerName,
    why: 'Few proxies know scopes.',
  },
}
