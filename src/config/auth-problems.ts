/** Settings `auth` that are each valid alone, and not together. Pure. */
import { introspectingLines, isEverybody, issuerNamedTwice } from '../identity/options.ts'
import type { Problem } from './problem.ts'
import { type Provided, spotOf } from './provided.ts'

/** The value of each option by `module.key`, not checked against its row. */
type Values = ReadonlyMap<string, unknown>

export function authProblems(values: Values, provided: Provided): Problem[] {
  return [
    ...methodProblems(provided),
    ...oauthProblems(values, provided),
    ...issuerProblems(values, provided),
    ...proxyProblems(values, provided),
  ]
}

function methodProblems(provided: Provided): Problem[] {
  const methods = provided.get('auth.methods')
  if (!methods || !Array.isArray(methods.value) || methods.value.length < 2 || !methods.value.includes('none'))
    return []
  return [
    {
      code: 'config_value',
      ...spotOf(methods),
      message: `${methods.quote} asks for credentials and accepts requests without`,
      notes: [['accepted', 'none alone, or others without it']],
    },
  ]
}

/** Tokens are accepted only with issuers and an address to be for, and these do nothing without tokens. */
function oauthProblems(values: Values, provided: Provided): Problem[] {
  const isOAuth = hasMethod(values, 'oauth')
  const hasIssuers = listOf(values, 'auth.issuers').length > 0
  if (isOAuth === hasIssuers && (!isOAuth || values.get('auth.publicUrl') !== undefined)) return []
  const from = provided.get(isOAuth ? 'auth.methods' : 'auth.issuers')
  const missing = !isOAuth ? 'auth.methods: [oauth]' : hasIssuers ? 'auth.publicUrl' : 'auth.issuers'
  return [
    {
      code: 'config_value',
      ...spotOf(from, 'auth'),
      message: `${from?.quote ?? 'auth'} does nothing without ${missing}`,
      notes: [
        [
          'try',
          isOAuth ? 'issuers: [https://login.example.com], publicUrl: https://mcp.example.com' : 'methods: [oauth]',
        ],
      ],
    },
  ]
}

/** An issuer has one line, and one of them alone may be asked about tokens. */
function issuerProblems(values: Values, provided: Provided): Problem[] {
  const lines = listOf(values, 'auth.issuers')
  const issuer = issuerNamedTwice(lines)
  const from = provided.get('auth.issuers')
  const problem = (fault: string, way: string): Problem => ({
    code: 'config_value',
    ...spotOf(from, 'auth.issuers'),
    message: `${from?.quote ?? 'auth.issuers'} ${fault}`,
    notes: [['try', way]],
  })
  if (issuer !== undefined)
    return [
      problem(
        `has two lines for the issuer ${issuer}`,
        'one line for each issuer, with all that is expected of its tokens',
      ),
    ]
  if (introspectingLines(lines) < 2) return []
  const fault = 'has several lines with introspection=: an opaque token does not say which of these issuers it is of'
  return [problem(fault, 'introspection= in one line; the tokens of other issuers have to be signed JWTs')]
}

/** The settings of a proxy, and their paths. */
const proxyPaths: Readonly<Record<string, string>> = {
  proxyFrom: 'auth.proxy.from',
  proxySecret: 'auth.proxy.secret',
  proxySecretHeader: 'auth.proxy.secretHeader',
  proxyUserHeader: 'auth.proxy.userHeader',
  proxyTenantHeader: 'auth.proxy.tenantHeader',
  proxyTenant: 'auth.proxy.tenant',
  proxyScopesHeader: 'auth.proxy.scopesHeader',
}

/** A proxy that nobody can be, that everybody can be, or that is not asked; and headers with two meanings. */
function proxyProblems(values: Values, provided: Provided): Problem[] {
  const problem = (key: string, fault: string, way: string): Problem => {
    const from = provided.get(`auth.${key}`)
    return {
      code: 'config_value',
      ...spotOf(from, 'auth'),
      message: `${from?.quote ?? proxyPaths[key] ?? 'auth.methods'} ${fault}`,
      notes: [['try', way]],
    }
  }
  const given = Object.keys(proxyPaths).find((key) => provided.has(`auth.${key}`))
  const hasSecret = values.get('auth.proxySecret') !== undefined
  const from = listOf(values, 'auth.proxyFrom')
  if (!hasMethod(values, 'proxy'))
    return given === undefined
      ? []
      : [problem(given, 'does nothing without auth.methods: [proxy]', 'methods: [proxy], beside others if there are')]
  const problems: Problem[] = []
  if (!hasSecret && from.length === 0)
    problems.push(problem('methods', 'trusts no proxy: neither auth.proxy.from nor auth.proxy.secret is there', trust))
  if (!hasSecret && from.some(isEverybody))
    problems.push(problem('proxyFrom', 'trusts every address, so that every client could be any user', trust))
  if (!hasSecret && provided.has('auth.proxySecretHeader'))
    problems.push(problem('proxySecretHeader', 'does nothing without auth.proxy.secret', trust))
  if (from.includes('unix') && values.get('http.socket') === undefined && from.length === 1 && !hasSecret)
    problems.push(problem('proxyFrom', 'trusts no proxy: mcplex does not listen at a Unix socket', 'listen.socket'))
  const headers = ['proxyUserHeader', 'proxyTenantHeader', 'proxyScopesHeader', 'proxySecretHeader']
  const twice = headers.find((key, at) => {
    const name = values.get(`auth.${key}`)
    return name !== undefined && headers.slice(0, at).some((other) => values.get(`auth.${other}`) === name)
  })
  if (twice !== undefined)
    problems.push(problem(twice, 'is the header of something else as well', 'a header of its own for each'))
  return problems
}

const trust = 'proxy: { from: [10.0.0.7] } with the address of the proxy, or proxy: { secret: "${PROXY_SECRET}" }'

function hasMethod(values: Values, method: string): boolean {
  return listOf(values, 'auth.methods').includes(method)
}

/** The texts of a list, as far as they are texts. */
function listOf(values: Values, path: string): readonly string[] {
  const value = values.get(path)
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}
